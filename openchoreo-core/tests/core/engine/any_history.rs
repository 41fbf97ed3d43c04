//! Whatever happens, in any order: once quiet, all is as after a fresh start, and the same history does the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::engine::core::{Answer, CoreSettings, Event, News};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::script::{Fate, Script, key, map_key, maps, no_answer, plane};
use super::wanting::{platform, wanting};

const NAMES: [&str; 3] = ["a", "b", "c"];
/// `twin` is registered at the server of `one`.
const PLANES: [&str; 3] = ["one", "twin", "two"];
const SERVERS: [&str; 2] = ["one", "two"];

/// What may become of one request.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Served,
    Failed,
    Unheard,
    Late,
    Held,
}

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Want { name: usize, plane: usize, value: u8, maps: usize },
    Delete { name: usize },
    RemoveByHand { server: usize, map: usize },
    TouchByHand { server: usize, map: usize },
    StripByHand { server: usize, map: usize },
    Break { server: usize },
    Mend { server: usize },
    WatchFails { server: usize },
    Silence { server: Option<usize> },
    Listen,
    Relist { server: Option<usize> },
    Restore { server: Option<usize> },
    Luck(Vec<Luck>),
    Deliver,
    Release,
    Rotate { plane: usize, token: u8 },
    Lead(bool),
    Restart,
    Pass { milliseconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let server = 0..SERVERS.len();
    let any_server = prop::option::of(0..SERVERS.len());
    let map = 0..6_usize;
    let luck = prop_oneof![
        2 => Just(Luck::Served), 1 => Just(Luck::Failed), 1 => Just(Luck::Unheard), 2 => Just(Luck::Late), 1 => Just(Luck::Held)
    ];
    prop_oneof![
        6 => (0..3_usize, 0..3_usize, 0..3_u8, 0..3_usize)
            .prop_map(|(name, plane, value, maps)| Step::Want { name, plane, value, maps }),
        2 => (0..3_usize).prop_map(|name| Step::Delete { name }),
        2 => (server.clone(), map.clone()).prop_map(|(server, map)| Step::RemoveByHand { server, map }),
        2 => (server.clone(), map.clone()).prop_map(|(server, map)| Step::TouchByHand { server, map }),
        1 => (server.clone(), map).prop_map(|(server, map)| Step::StripByHand { server, map }),
        1 => server.clone().prop_map(|server| Step::Break { server }),
        1 => server.clone().prop_map(|server| Step::Mend { server }),
        1 => server.prop_map(|server| Step::WatchFails { server }),
        1 => any_server.clone().prop_map(|server| Step::Silence { server }),
        1 => Just(Step::Listen),
        1 => any_server.clone().prop_map(|server| Step::Relist { server }),
        1 => any_server.prop_map(|server| Step::Restore { server }),
        3 => prop::collection::vec(luck, 1..6).prop_map(Step::Luck),
        2 => Just(Step::Deliver),
        2 => Just(Step::Release),
        1 => (0..3_usize, 0..3_u8).prop_map(|(plane, token)| Step::Rotate { plane, token }),
        1 => any::<bool>().prop_map(Step::Lead),
        1 => Just(Step::Restart),
        4 => (1..5_000_i64).prop_map(|milliseconds| Step::Pass { milliseconds }),
    ]
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..40)
}

fn map_name(number: usize) -> ObjectKey {
    map_key(&format!("{}{}", NAMES[number / 2], number % 2))
}

fn spec(name: usize, plane: usize, value: u8, count: usize) -> Value {
    let names: Vec<String> = (0..count).map(|number| map_name(name * 2 + number).name).collect();
    let wanted: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), value)).collect();
    json!({ "plane": PLANES[plane], "objects": maps(&wanted) })
}

fn server_name(server: Option<usize>) -> &'static str {
    server.map_or("control", |server| SERVERS[server])
}

fn begin() -> (Script, Rc<RefCell<VecDeque<Luck>>>) {
    let settings = CoreSettings { plane_concurrency: 2, control_concurrency: 3, ..CoreSettings::default() };
    let mut script = Script::before(platform(&[]), settings);
    script.register_all(&SERVERS);
    script.register("twin", "one");
    script.handle(Event::Leading(true));
    script.run();
    let luck: Rc<RefCell<VecDeque<Luck>>> = Rc::default();
    let next = Rc::clone(&luck);
    script.requests(move |_, _| match next.borrow_mut().pop_front() {
        None | Some(Luck::Served) => Fate::Served,
        Some(Luck::Failed) => Fate::Answered(Answer::Failed(no_answer("reset"))),
        Some(Luck::Unheard) => Fate::Unheard,
        Some(Luck::Late) => Fate::Late,
        Some(Luck::Held) => Fate::Held,
    });
    (script, luck)
}

fn happen(script: &mut Script, luck: &RefCell<VecDeque<Luck>>, step: &Step) {
    match step {
        Step::Want { name, plane, value, maps } => script.want(NAMES[*name], spec(*name, *plane, *value, *maps)),
        Step::Delete { name } => script.delete(&key(NAMES[*name])),
        Step::RemoveByHand { server, map } => script.server(SERVERS[*server]).delete(&map_name(*map)),
        Step::TouchByHand { server, map } => {
            let server = script.server(SERVERS[*server]);
            if let Some(mut object) = server.get(&map_name(*map)).cloned() {
                object["spec"]["value"] = 99.into();
                server.write(Kind::of::<ConfigMap>(), object);
            }
        }
        Step::StripByHand { server, map } => {
            let server = script.server(SERVERS[*server]);
            if let Some(mut object) = server.get(&map_name(*map)).cloned() {
                object["metadata"]["labels"] = json!({});
                server.write(Kind::of::<ConfigMap>(), object);
            }
        }
        Step::Break { server } => script.server(SERVERS[*server]).is_down = true,
        Step::Mend { server } => script.server(SERVERS[*server]).is_down = false,
        Step::WatchFails { server } => {
            for watch in script.watches_at(SERVERS[*server]) {
                script.handle(Event::Watched { watch, news: News::Failed(no_answer("reset")) });
            }
        }
        Step::Silence { server } => {
            let kind = if server.is_some() { Kind::of::<ConfigMap>() } else { wanting() };
            script.silent.insert((server_name(*server).to_owned(), kind));
        }
        Step::Listen => script.silent.clear(),
        Step::Relist { server } => script.relist_all(server_name(*server)),
        Step::Restore { server } => {
            // An answer from before a restore cannot be told from one after it, so none is under way.
            script.deliver();
            script.server(server_name(*server)).revision = 1;
            script.relist_all(server_name(*server));
        }
        Step::Luck(more) => luck.borrow_mut().extend(more),
        Step::Deliver => script.deliver(),
        Step::Release => script.release_all(),
        Step::Rotate { plane, token } => {
            let server = if PLANES[*plane] == "two" { "two" } else { "one" };
            script.register_with(PLANES[*plane], server, &format!("token-{token}"));
        }
        Step::Lead(is_leading) => script.handle(Event::Leading(*is_leading)),
        Step::Restart => script.restart(),
        Step::Pass { milliseconds } => script.pass(SignedDuration::from_millis(*milliseconds)),
    }
    script.run();
}

/// Everything goes well from now on, for long enough.
fn calm_down(script: &mut Script) {
    script.serve();
    script.silent.clear();
    SERVERS.iter().for_each(|server| script.server(server).is_down = false);
    script.release_all();
    script.deliver();
    script.handle(Event::Leading(true));
    script.pass_seconds(300);
}

/// Whether an object is ours: what somebody stripped of our label and nobody wants any more is theirs.
fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"].get(labels::OWNER).is_some()
}

fn content(script: &Script) -> BTreeMap<&'static str, BTreeMap<ObjectKey, Value>> {
    let ours = |server| {
        let mut content = script.servers[server].content();
        content.retain(|_, object| is_ours(object));
        content
    };
    SERVERS.into_iter().map(|server| (server, ours(server))).collect()
}

/// What the World holds of a kind, and what the server does.
fn both(script: &Script, plane: &PlaneKey, server: &str, kind: Kind) -> [BTreeMap<ObjectKey, Value>; 2] {
    let world = script.core.world().keys(plane, kind).into_iter();
    let seen = world.map(|key| (key.clone(), script.seen(plane, &key).expect("it is listed"))).collect();
    let is_seen = |object: &Value| *plane == PlaneKey::Control || is_ours(object);
    let objects = script.servers[server].objects.iter().filter(|(key, object)| key.kind == kind && is_seen(object));
    let there = objects.map(|(key, object)| {
        let mut object = object.clone();
        object["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
        (key.clone(), object)
    });
    [seen, there.collect()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn after_any_history_all_is_as_after_a_fresh_start_and_nothing_is_sent(history in history()) {
        let (mut script, luck) = begin();
        for step in &history {
            happen(&mut script, &luck, step);
        }
        calm_down(&mut script);
        // The World is what is there.
        for (at, server) in [("one", "one"), ("twin", "one"), ("two", "two")] {
            prop_assert!(script.is_connected(at), "{:?}", script.state(at));
            let [seen, there] = both(&script, &plane(at), server, Kind::of::<ConfigMap>());
            prop_assert_eq!(seen, there);
        }
        let [seen, there] = both(&script, &PlaneKey::Control, "control", wanting());
        prop_assert_eq!(seen, there.clone());
        // What is there is what a fresh start makes.
        let (mut fresh, _) = begin();
        for (key, object) in &there {
            prop_assert!(object["metadata"].get("deletionTimestamp").is_none(), "{} is gone", key.name);
            prop_assert_eq!(script.ready(&key.name).1, "Satisfied");
            fresh.want(&key.name, object["spec"].clone());
        }
        calm_down(&mut fresh);
        prop_assert_eq!(content(&script), content(&fresh));
        // And there it stays.
        let before = script.sent.len();
        script.core.replan_all();
        script.pass_seconds(120);
        prop_assert_eq!(script.lines(before), Vec::<String>::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_same_history_asks_for_the_same(history in history()) {
        let told = || {
            let (mut script, luck) = begin();
            history.iter().for_each(|step| happen(&mut script, &luck, step));
            calm_down(&mut script);
            (script.commands, script.servers["control"].objects.clone())
        };
        prop_assert_eq!(told(), told());
    }
}
