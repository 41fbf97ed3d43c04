//! Identities: whom a name is for.
//!
//! An identity borrows its parts from the objects at hand and is copied freely. It does not check them: a part may be
//! any text, and it is the scheme's job to make a valid name of it or to refuse. The parts are logical names (what
//! `openchoreo.dev/name` says), except where a method of [`NamingScheme`](super::NamingScheme) asks for an object's name.

/// An organization: the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationId<'a> {
    /// The organization's name.
    pub organization: &'a str,
}

/// A project of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectId<'a> {
    /// The organization's name.
    pub organization: &'a str,
    /// The project's name.
    pub project: &'a str,
}

/// An environment of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentId<'a> {
    /// The organization's name.
    pub organization: &'a str,
    /// The environment's name.
    pub environment: &'a str,
}

/// A cell: one project in one environment, which is one namespace of a data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId<'a> {
    /// The organization's name.
    pub organization: &'a str,
    /// The project's name.
    pub project: &'a str,
    /// The environment's name.
    pub environment: &'a str,
}

/// A component of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId<'a> {
    /// The organization's name.
    pub organization: &'a str,
    /// The project's name.
    pub project: &'a str,
    /// The component's name.
    pub component: &'a str,
}

/// A deployment track of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId<'a> {
    /// The component that the track belongs to.
    pub component: ComponentId<'a>,
    /// The track's name.
    pub track: &'a str,
}

/// An endpoint of a component in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId<'a> {
    /// The component that serves the endpoint.
    pub component: ComponentId<'a>,
    /// The environment's name.
    pub environment: &'a str,
    /// The endpoint's name.
    pub endpoint: &'a str,
}

/// A build of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId<'a> {
    /// The component that is built.
    pub component: ComponentId<'a>,
    /// The build's name.
    pub build: &'a str,
}

impl<'a> OrganizationId<'a> {
    /// The organization of this name.
    pub const fn new(organization: &'a str) -> Self {
        Self { organization }
    }

    /// A project of this organization.
    pub const fn project(self, project: &'a str) -> ProjectId<'a> {
        ProjectId { organization: self.organization, project }
    }

    /// An environment of this organization.
    pub const fn environment(self, environment: &'a str) -> EnvironmentId<'a> {
        EnvironmentId { organization: self.organization, environment }
    }
}

impl<'a> ProjectId<'a> {
    /// The project of this name in an organization.
    pub const fn new(organization: &'a str, project: &'a str) -> Self {
        Self { organization, project }
    }

    /// The organization of this project.
    pub const fn organization(self) -> OrganizationId<'a> {
        OrganizationId::new(self.organization)
    }

    /// This project in an environment.
    pub const fn cell(self, environment: &'a str) -> CellId<'a> {
        CellId { organization: self.organization, project: self.project, environment }
    }

    /// A component of this project.
    pub const fn component(self, component: &'a str) -> ComponentId<'a> {
        ComponentId { organization: self.organization, project: self.project, component }
    }
}

impl<'a> EnvironmentId<'a> {
    /// The environment of this name in an organization.
    pub const fn new(organization: &'a str, environment: &'a str) -> Self {
        Self { organization, environment }
    }
}

impl<'a> CellId<'a> {
    /// A project of an organization in an environment.
    pub const fn new(organization: &'a str, project: &'a str, environment: &'a str) -> Self {
        Self { organization, project, environment }
    }

    /// The project of this cell.
    pub const fn project(self) -> ProjectId<'a> {
        ProjectId::new(self.organization, self.project)
    }

    /// The environment of this cell.
    pub const fn environment(self) -> EnvironmentId<'a> {
        EnvironmentId::new(self.organization, self.environment)
    }
}

impl<'a> ComponentId<'a> {
    /// The component of this name in a project of an organization.
    pub const fn new(organization: &'a str, project: &'a str, component: &'a str) -> Self {
        Self { organization, project, component }
    }

    /// The project of this component.
    pub const fn project(self) -> ProjectId<'a> {
        ProjectId::new(self.organization, self.project)
    }

    /// A track of this component.
    pub const fn track(self, track: &'a str) -> TrackId<'a> {
        TrackId { component: self, track }
    }

    /// An endpoint of this component in an environment.
    pub const fn endpoint(self, environment: &'a str, endpoint: &'a str) -> EndpointId<'a> {
        EndpointId { component: self, environment, endpoint }
    }

    /// A build of this component.
    pub const fn build(self, build: &'a str) -> BuildId<'a> {
        BuildId { component: self, build }
    }
}

impl<'a> TrackId<'a> {
    /// The track of this name of a component.
    pub const fn new(component: ComponentId<'a>, track: &'a str) -> Self {
        Self { component, track }
    }
}

impl<'a> EndpointId<'a> {
    /// The endpoint of this name of a component in an environment.
    pub const fn new(component: ComponentId<'a>, environment: &'a str, endpoint: &'a str) -> Self {
        Self { component, environment, endpoint }
    }

    /// The cell that the endpoint is in.
    pub const fn cell(self) -> CellId<'a> {
        self.component.project().cell(self.environment)
    }
}

impl<'a> BuildId<'a> {
    /// The build of this name of a component.
    pub const fn new(component: ComponentId<'a>, build: &'a str) -> Self {
        Self { component, build }
    }
}
