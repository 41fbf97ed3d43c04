//! The conditions of a Build, and reading them back.
//!
//! A finished build is recognized by its own status alone: its run may be long gone. So what the conditions said then is
//! restored from what they say now.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use openchoreo_core::conditions::{Finding, ReasonInfo};

openchoreo_core::reasons! {
    /// Why a Build is or is not ready.
    pub enum BuildReason for "Build" {
        ImageAvailable => Ready = True, "the image was pushed and the DeployableArtifact of the build exists",
        BuildQueued => Ready = Unknown, "the run waits in the build plane",
        BuildInProgress => Ready = Unknown, "the run is in progress, or its result is being taken over",
        RunNotUnderstood => Ready = Unknown, "the build engine reports a state that is not known here",
        BuildNotSuccessful => Ready = False, "the build failed; it is not tried again, create a new Build",
        ArtifactMissing => Ready = False, "the DeployableArtifact of the build was deleted; create a new Build",
        TrackNotFound => Ready = False, "the component does not have the DeploymentTrack that the Build is for, so nothing would deploy its result; it is waited for before a run is started",
        NoBuildPlane => Ready = False, "the organization has no BuildPlane and no DataPlane labelled `openchoreo.dev/build-plane=true`; it is waited for",
        SeveralBuildPlanes => Ready = False, "the organization has several build planes; annotate the Build `openchoreo.dev/build-plane` with the name of one",
        UnknownEngine => Ready = False, "`spec.templateRef.engine` names an engine that this platform does not have",
        EngineNotInstalled => Ready = False, "the build plane does not serve the kinds of the build engine; install it there",
        CannotRender => Ready = False, "a field of the Build, or of its Component, cannot be used for a run",
        NotIsolated => Ready = False, "the network policies of builds cannot be written in the build plane, so nothing is run there",
    }
}

openchoreo_core::reasons! {
    /// How getting the source went.
    pub enum CloneReason for "Build" {
        CloneQueued => StepCloneSucceeded = Unknown, "not started",
        CloneProgressing => StepCloneSucceeded = Unknown, "in progress",
        CloneSucceeded => StepCloneSucceeded = True, "done",
        CloneFailed => StepCloneSucceeded = False, "failed; the message says why and where to look",
    }
}

openchoreo_core::reasons! {
    /// How building the image went.
    pub enum BuildStepReason for "Build" {
        BuildStepQueued => StepBuildSucceeded = Unknown, "not started",
        BuildStepProgressing => StepBuildSucceeded = Unknown, "in progress",
        BuildStepSucceeded => StepBuildSucceeded = True, "done",
        BuildStepFailed => StepBuildSucceeded = False, "failed; the message says why and where to look",
    }
}

openchoreo_core::reasons! {
    /// How pushing the image went.
    pub enum PushReason for "Build" {
        PushQueued => StepPushSucceeded = Unknown, "not started",
        PushProgressing => StepPushSucceeded = Unknown, "in progress",
        PushSucceeded => StepPushSucceeded = True, "done",
        PushFailed => StepPushSucceeded = False, "failed; the message says why and where to look",
    }
}

openchoreo_core::reasons! {
    /// Whether what was built can be deployed.
    pub enum ArtifactReason for "Build" {
        ArtifactPending => DeployableArtifactCreated = Unknown, "the DeployableArtifact is being created",
        ArtifactCreated => DeployableArtifactCreated = True, "the DeployableArtifact exists; from here on people may edit it",
        ArtifactDeleted => DeployableArtifactCreated = False, "the DeployableArtifact was deleted after it had been created; it is not created again",
        ArtifactNameTaken => DeployableArtifactCreated = False, "a DeployableArtifact of this name exists that is not of this Build; create a Build of another name",
        DescriptorInvalid => DeployableArtifactCreated = False, "the descriptor `workload.yaml` in the repository cannot be used; correct it and create a new Build",
        ImageNotReported => DeployableArtifactCreated = False, "the run succeeded but did not say which image it pushed, or said what can be none; its push step needs an output `image`",
    }
}

openchoreo_core::reasons! {
    /// Whether the build has come to its end.
    pub enum CompletedReason for "Build" {
        BuildProgressing => Completed = Unknown, "not at its end",
        BuildCompleted => Completed = True, "at its end, with an image and a DeployableArtifact",
        BuildFailed => Completed = False, "at its end without a result; create a new Build",
    }
}

openchoreo_core::reasons! {
    /// Whether what was built is what the Build says now.
    pub enum UpToDateReason for "Build" {
        SpecChangedAfterStart => UpToDate = False, "the spec was changed after the build had started; a Build is immutable from then on, create a new one",
    }
}

/// All reasons of a Build.
pub(crate) fn rows() -> impl Iterator<Item = &'static ReasonInfo> {
    [
        BuildReason::ALL,
        CloneReason::ALL,
        BuildStepReason::ALL,
        PushReason::ALL,
        ArtifactReason::ALL,
        CompletedReason::ALL,
        UpToDateReason::ALL,
    ]
    .into_iter()
    .flatten()
}

/// What a condition said, as a finding again.
pub(crate) fn restored(condition: &Condition) -> Option<Finding> {
    let row = rows().find(|row| {
        row.condition == condition.type_ && row.reason == condition.reason && row.status.as_str() == condition.status
    })?;
    Some(Finding { reason: *row, message: condition.message.clone() })
}

/// The conditions that tell how a run went.
pub(crate) const OF_THE_RUN: [&str; 4] = ["StepCloneSucceeded", "StepBuildSucceeded", "StepPushSucceeded", COMPLETED];
/// The condition that tells the end.
pub(crate) const COMPLETED: &str = "Completed";
/// The condition of the artifact.
pub(crate) const ARTIFACT_CREATED: &str = "DeployableArtifactCreated";
