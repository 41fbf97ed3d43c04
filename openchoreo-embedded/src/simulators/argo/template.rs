//! Reads a workflow specification: which steps its entrypoint has, and what each declares to give out.
//!
//! Argo's schema for templates is open, so everything is read leniently from JSON; what is not understood is absent.

use std::collections::BTreeMap;

use serde_json::Value;

/// One step, which becomes one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The name within the entrypoint.
    pub(super) name: String,
    /// The template that it runs.
    pub(super) template: String,
    /// The output parameters that the template declares, with their defaults.
    pub(super) outputs: BTreeMap<String, Option<String>>,
}

/// The steps of the entrypoint in groups: a group starts when the one before it has ended.
///
/// `Err` holds the message of a specification that cannot run.
pub(super) fn step_groups(spec: &Value) -> Result<Vec<Vec<Step>>, String> {
    let entrypoint = text(spec.get("entrypoint")).ok_or("spec.entrypoint is required")?;
    let template = find_template(spec, entrypoint)
        .ok_or_else(|| format!("template \"{entrypoint}\" of the entrypoint is not defined"))?;
    let step = |step: &Value| {
        let name = text(step.get("name")).unwrap_or_default().to_owned();
        let template = text(step.get("template")).unwrap_or_default();
        match find_template(spec, template) {
            Some(found) => Ok(Step { name, template: template.to_owned(), outputs: outputs(found) }),
            None => Err(format!("template \"{template}\" of step \"{name}\" is not defined")),
        }
    };
    if let Some(groups) = template.get("steps").and_then(Value::as_array) {
        // A group is a list; Argo also accepts a lone step in place of a list of one.
        return groups
            .iter()
            .map(|group| group.as_array().map_or_else(|| std::slice::from_ref(group), Vec::as_slice))
            .map(|group| group.iter().map(step).collect())
            .collect();
    }
    if let Some(tasks) = template.pointer("/dag/tasks").and_then(Value::as_array) {
        return dag_order(tasks)?.into_iter().map(|task| step(task).map(|step| vec![step])).collect();
    }
    // The entrypoint is a container or script itself.
    Ok(vec![vec![Step { name: entrypoint.to_owned(), template: entrypoint.to_owned(), outputs: outputs(template) }]])
}

/// Tasks of a graph, each after the ones that it depends on.
fn dag_order(tasks: &[Value]) -> Result<Vec<&Value>, String> {
    let mut ordered: Vec<&Value> = Vec::new();
    let mut waiting: Vec<&Value> = tasks.iter().collect();
    while !waiting.is_empty() {
        let (ready, blocked): (Vec<&Value>, Vec<&Value>) = waiting.into_iter().partition(|task| {
            let needs = task.get("dependencies").and_then(Value::as_array);
            needs.into_iter().flatten().all(|need| ordered.iter().any(|done| done.get("name") == Some(need)))
        });
        if ready.is_empty() {
            return Err("the dependencies of the graph form a cycle or name a missing task".to_owned());
        }
        ordered.extend(ready);
        waiting = blocked;
    }
    Ok(ordered)
}

/// The arguments of a run: the defaults of the template, then those of the Workflow.
pub(super) fn arguments(template_spec: &Value, workflow_spec: &Value) -> BTreeMap<String, String> {
    [template_spec, workflow_spec]
        .into_iter()
        .filter_map(|spec| spec.pointer("/arguments/parameters").and_then(Value::as_array))
        .flatten()
        .filter_map(|parameter| {
            let value = parameter.get("value").or_else(|| parameter.get("default"))?;
            Some((text(parameter.get("name"))?.to_owned(), plain(value)))
        })
        .collect()
}

fn find_template<'a>(spec: &'a Value, name: &str) -> Option<&'a Value> {
    let templates = spec.get("templates").and_then(Value::as_array)?;
    templates.iter().find(|template| text(template.get("name")) == Some(name))
}

fn outputs(template: &Value) -> BTreeMap<String, Option<String>> {
    let parameters = template.pointer("/outputs/parameters").and_then(Value::as_array);
    parameters
        .into_iter()
        .flatten()
        .filter_map(|parameter| {
            let default = parameter.pointer("/valueFrom/default").or_else(|| parameter.get("default")).map(plain);
            Some((text(parameter.get("name"))?.to_owned(), default))
        })
        .collect()
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

/// A scalar as text; Argo lets people write numbers and booleans without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(spec: &Value) -> Vec<Vec<String>> {
        let groups = step_groups(spec).unwrap();
        groups.iter().map(|group| group.iter().map(|step| step.name.clone()).collect()).collect()
    }

    #[test]
    fn steps_keep_their_groups() {
        let spec = json!({
            "entrypoint": "main",
            "templates": [
                { "name": "main", "steps": [[{ "name": "a", "template": "t" }], [{ "name": "b", "template": "t" }, { "name": "c", "template": "t" }]] },
                { "name": "t", "outputs": { "parameters": [{ "name": "image" }, { "name": "log", "valueFrom": { "path": "/l", "default": "" } }] } },
            ],
        });
        assert_eq!(names(&spec), [vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]]);
        let outputs = &step_groups(&spec).unwrap()[0][0].outputs;
        assert_eq!(outputs["image"], None);
        assert_eq!(outputs["log"], Some(String::new()));
    }

    #[test]
    fn tasks_of_a_graph_follow_what_they_depend_on() {
        let task = |name: &str, needs: &[&str]| json!({ "name": name, "template": "t", "dependencies": needs });
        let spec = |tasks: Vec<Value>| json!({ "entrypoint": "main", "templates": [{ "name": "main", "dag": { "tasks": tasks } }, { "name": "t" }] });
        assert_eq!(names(&spec(vec![task("b", &["a"]), task("a", &[])])), [["a"], ["b"]]);
        assert!(step_groups(&spec(vec![task("a", &["a"])])).is_err());
    }

    #[test]
    fn specifications_that_cannot_run_say_why() {
        let cases = [
            (json!({}), "entrypoint"),
            (json!({ "entrypoint": "main" }), "\"main\""),
            (
                json!({ "entrypoint": "m", "templates": [{ "name": "m", "steps": [[{ "name": "s", "template": "gone" }]] }] }),
                "\"gone\"",
            ),
        ];
        for (spec, part) in cases {
            assert!(step_groups(&spec).unwrap_err().contains(part), "{spec}");
        }
    }

    #[test]
    fn arguments_of_the_workflow_win_over_defaults_of_the_template() {
        let template =
            json!({ "arguments": { "parameters": [{ "name": "a", "value": "1" }, { "name": "b", "value": 2 }] } });
        let workflow = json!({ "arguments": { "parameters": [{ "name": "a", "value": "9" }] } });
        let arguments = arguments(&template, &workflow);
        assert_eq!((arguments["a"].as_str(), arguments["b"].as_str()), ("9", "2"));
    }
}
