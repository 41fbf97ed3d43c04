//! Brings a naming scheme and a hostname scheme of one's own, and shows that a careless one is refused.
//!
//! Run it with `cargo run -p openchoreo-examples --bin custom_naming`. It prints the namespace, the host and the image
//! of one component under the default schemes and under those of the house, and then what is wrong with a scheme that
//! gives one host to the components of two tenants: the platform is not even built.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use openchoreo_core::naming::{
    ComponentId, EndpointId, HostContext, Hostname, HostnameScheme, NameError, OrganizationId, Visibility,
};
use openchoreo_core::platform::{Platform, PlatformError};
use openchoreo_examples::{HouseHostnames, HouseNames};

/// Short hosts that read well, until a second tenant has a component of the same name.
#[derive(Clone, Copy, Debug)]
struct ShortHosts;

impl HostnameScheme for ShortHosts {
    fn hostname(&self, endpoint: &EndpointId<'_>, context: &HostContext<'_>) -> Result<Hostname, NameError> {
        format!("{}.{}", endpoint.component.component, context.domain).try_into()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    show("default", &Platform::builder().build()?)?;
    show("house", &Platform::builder().naming(HouseNames).hostnames(HouseHostnames).build()?)?;

    match Platform::builder().hostnames(ShortHosts).build() {
        Err(PlatformError::Hostnames { violations }) => {
            println!("refused: {} violations of the contract, the first of them:", violations.len());
            println!("  {}", violations.first().map_or("", String::as_str));
            Ok(())
        }
        Err(other) => Err(other.into()),
        Ok(_) => Err("a scheme that lets two tenants meet was taken".into()),
    }
}

/// Prints what a platform calls the same component.
fn show(title: &str, platform: &Platform) -> Result<(), NameError> {
    let component = ComponentId::new("acme", "shop", "cart");
    let endpoint = component.endpoint("development", "http");
    let context = HostContext {
        domain: "choreoapps.localhost",
        visibility: Visibility::Public,
        component_type: "Service",
        dns_prefix: None,
    };
    println!("{title}:");
    println!("  namespace  {}", platform.naming().cell_namespace(&endpoint.cell())?);
    println!("  builds     {}", platform.naming().build_namespace(&OrganizationId::new("acme"))?);
    println!("  workload   {}", platform.naming().workload(&component, "main")?);
    println!("  image      {}", platform.naming().image(&component)?);
    println!("  host       {}", platform.hostnames().hostname(&endpoint, &context)?);
    Ok(())
}
