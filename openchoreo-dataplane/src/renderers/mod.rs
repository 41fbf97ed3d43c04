//! The shipped renderers: which parts a component type is made of, and in which order they are applied.
//!
//! Configuration comes first, so that pods find it when they start.

mod long_running;
mod scheduled_task;

use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::plan::Rendered;
use openchoreo_types::common::Application;

use crate::parts::inputs::{self, Inputs};
use crate::parts::style::PodStyle;
use crate::parts::{WorkloadSettings, config_map, secret_provider, settings};

pub use long_running::LongRunningRenderer;
pub use scheduled_task::ScheduledTaskRenderer;

/// What all component types have in common: the application section that counts, what reaches the container, and the
/// objects that hold it.
struct Common {
    pods: PodStyle,
    application: Application,
    inputs: Inputs,
    objects: Vec<Rendered>,
}

fn common(cx: &WorkloadContext<'_>, chosen: &WorkloadSettings) -> Result<Common, RenderError> {
    let pods = chosen.style.pods(cx.component);
    let application = pods.application(cx);
    let groups = settings::groups(cx, chosen)?;
    let inputs = inputs::gather(cx, &application, &groups)?;
    let mut objects: Vec<Rendered> = config_map::config_maps(cx, &groups, &inputs).iter().map(Rendered::new).collect();
    objects.extend(secret_provider::secret_provider_classes(cx, chosen, &groups).iter().map(Rendered::new));
    Ok(Common { pods, application, inputs, objects })
}
