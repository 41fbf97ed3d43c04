//! The isolation of cells.

use std::collections::BTreeMap;

use openchoreo_core::extension::CellContext;
use openchoreo_core::naming::{CellId, DefaultNaming, NamingScheme};
use openchoreo_net::builtin_dialects;
use serde_json::Value;

use crate::support::json_of;

/// The policies of a cell in every dialect.
pub(crate) fn policies() -> Vec<Value> {
    let cell = CellId::new("acme", "shop", "development");
    let labels = BTreeMap::from([("project-name".to_owned(), "shop".to_owned())]);
    let namespace = DefaultNaming.cell_namespace(&cell).unwrap();
    let cx = CellContext { cell, namespace: &namespace, gateway_namespace: "choreo-system", labels: &labels };
    builtin_dialects().iter().flat_map(|dialect| json_of(dialect.policies(&cx).unwrap())).collect()
}

#[test]
fn a_cell_is_closed_but_for_itself_names_gateways_and_the_world() {
    insta::assert_yaml_snapshot!("policies", policies());
}

#[test]
fn the_world_of_a_cell_holds_no_other_cell() {
    let policy = policies().into_iter().find(|policy| policy["kind"] == "NetworkPolicy").unwrap();
    let rules = policy["spec"]["egress"].as_array().unwrap();
    let blocks = rules.iter().flat_map(|rule| rule["to"].as_array().unwrap()).filter_map(|peer| peer.get("ipBlock"));
    let excepted: Vec<_> = blocks.flat_map(|block| block["except"].as_array().unwrap()).collect();
    for range in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7"] {
        assert!(excepted.iter().any(|except| *except == range), "{range}");
    }
}
