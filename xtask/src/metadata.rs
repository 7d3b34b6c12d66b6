//! What `cargo metadata` says about the workspace: its members, and who links whom.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::run;

/// The workspace, with every feature of its members on, so that no optional arrow is overlooked.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target_folder: PathBuf,
    pub(crate) members: Vec<Member>,
    /// Package id → its name and the ids of its normal dependencies, of the whole graph.
    packages: HashMap<String, Package>,
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Members it depends on, but for its tests only.
    pub(crate) uses: Vec<String>,
    /// The file each of its targets starts from: `lib.rs`, `main.rs`, examples, tests, benches.
    pub(crate) roots: Vec<PathBuf>,
    id: String,
}

#[derive(Debug)]
struct Package {
    name: String,
    links: Vec<String>,
}

impl Workspace {
    /// Asks Cargo about the workspace that this program was built from.
    pub(crate) fn load() -> Result<Self> {
        let output = run::cargo(&["metadata", "--format-version=1", "--all-features"])
            .output()
            .context("starting cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Self::parse(&output.stdout)
    }

    /// Reads the output of `cargo metadata --format-version=1`.
    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        let metadata: Value = serde_json::from_slice(json).context("output of cargo metadata")?;
        let member_ids: Vec<&str> =
            array(&metadata, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut packages = HashMap::new();
        let mut members = Vec::new();
        for package in array(&metadata, "packages")? {
            let (id, name) = (string(package, "id")?, string(package, "name")?);
            if member_ids.contains(&id) {
                members.push(Member::parse(package)?);
            }
            packages.insert(id.to_owned(), Package { name: name.to_owned(), links: Vec::new() });
        }
        for node in array(&metadata["resolve"], "nodes")? {
            if let Some(package) = packages.get_mut(string(node, "id")?) {
                package.links = normal_dependencies(node)?;
            }
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: string(&metadata, "workspace_root")?.into(),
            target_folder: string(&metadata, "target_directory")?.into(),
            members,
            packages,
        })
    }

    /// Everything that `member` links, each with the way to it: `["memstore", "foldhash"]`.
    pub(crate) fn closure<'a>(&'a self, member: &'a Member) -> Vec<Vec<&'a str>> {
        let mut way_to: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut closure = Vec::new();
        let mut queue = VecDeque::from([member.id.as_str()]);
        way_to.insert(&member.id, vec![&member.name]);
        while let Some(id) = queue.pop_front() {
            let (Some(package), Some(way)) = (self.packages.get(id), way_to.get(id).cloned())
            else {
                continue;
            };
            for link in &package.links {
                let Some(linked) = self.packages.get(link) else { continue };
                if way_to.contains_key(link.as_str()) {
                    continue;
                }
                let longer: Vec<&str> = way.iter().copied().chain([linked.name.as_str()]).collect();
                closure.push(longer.clone());
                way_to.insert(link, longer);
                queue.push_back(link);
            }
        }
        closure
    }
}

impl Member {
    fn parse(package: &Value) -> Result<Self> {
        let manifest = Path::new(string(package, "manifest_path")?);
        // A dependency with a path is another member: the workspace has no crates beside itself.
        let uses = array(package, "dependencies")?
            .iter()
            .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
            .map(|dependency| Ok(string(dependency, "name")?.to_owned()))
            .collect::<Result<_>>()?;
        let roots = array(package, "targets")?
            .iter()
            .map(|target| Ok(string(target, "src_path")?.into()))
            .collect::<Result<_>>()?;
        Ok(Self {
            name: string(package, "name")?.to_owned(),
            folder: manifest.parent().unwrap_or(manifest).to_owned(),
            uses,
            roots,
            id: string(package, "id")?.to_owned(),
        })
    }
}

/// The ids a node of the resolved graph links in a normal build.
fn normal_dependencies(node: &Value) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for dependency in array(node, "deps")? {
        if array(dependency, "dep_kinds")?.iter().any(|kind| kind["kind"].is_null()) {
            ids.push(string(dependency, "pkg")?.to_owned());
        }
    }
    Ok(ids)
}

fn array<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>> {
    value[field].as_array().with_context(|| format!("cargo metadata: no array `{field}`"))
}

fn string<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field].as_str().with_context(|| format!("cargo metadata: no string `{field}`"))
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A workspace of these members, each with the members it uses and the crates it links.
    /// `"a>b"` as a crate is `a`, which links `b`.
    pub(crate) fn workspace(members: &[(&str, &[&str], &[&str])]) -> Workspace {
        let mut packages = Vec::new();
        let mut nodes = Vec::new();
        let link = |to: &str| json!({"pkg": to, "dep_kinds": [{"kind": null}, {"kind": "dev"}]});
        for (name, uses, crates) in members {
            let declared: Vec<_> =
                uses.iter().map(|to| json!({"name": to, "path": "/w", "kind": null})).collect();
            packages.push(json!({
                "id": name, "name": name, "manifest_path": format!("/w/{name}/Cargo.toml"),
                "dependencies": declared, "targets": [{"src_path": format!("/w/{name}/src/lib.rs")}],
            }));
            let mut links: Vec<_> = uses.iter().copied().map(link).collect();
            for chain in *crates {
                let chain: Vec<&str> = chain.split('>').collect();
                links.push(link(chain[0]));
                for (at, outside) in chain.iter().enumerate() {
                    let next: Vec<_> = chain.get(at + 1).copied().map(link).into_iter().collect();
                    packages.push(json!({"id": outside, "name": outside}));
                    nodes.push(json!({"id": outside, "deps": next}));
                }
            }
            nodes.push(json!({"id": name, "deps": links}));
        }
        let ids: Vec<_> = members.iter().map(|(name, ..)| name).collect();
        let metadata = json!({
            "workspace_root": "/w", "target_directory": "/w/target", "workspace_members": ids,
            "packages": packages, "resolve": {"nodes": nodes},
        });
        Workspace::parse(metadata.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_closure_names_the_way_to_every_crate_once() {
        let workspace = workspace(&[("a", &["b"], &["x>y"]), ("b", &[], &["y"])]);
        let closure = workspace.closure(&workspace.members[0]);
        assert_eq!(closure, [vec!["a", "b"], vec!["a", "x"], vec!["a", "b", "y"]]);
    }

    #[test]
    fn what_only_tests_need_is_no_arrow() {
        let metadata = json!({
            "workspace_root": "/w", "target_directory": "/w/target", "workspace_members": ["a"],
            "packages": [
                {"id": "a", "name": "a", "manifest_path": "/w/a/Cargo.toml", "targets": [],
                 "dependencies": [{"name": "b", "path": "/w/b", "kind": "dev"},
                                  {"name": "c", "path": "/w/c", "kind": "build"}]},
                {"id": "b", "name": "b"},
            ],
            "resolve": {"nodes": [
                {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}]}]},
            ]},
        });
        let workspace = Workspace::parse(metadata.to_string().as_bytes()).unwrap();
        assert_eq!(workspace.members[0].uses, ["c"]);
        assert!(workspace.closure(&workspace.members[0]).is_empty());
    }

    #[test]
    fn other_json_is_an_error_that_names_the_field() {
        let error = Workspace::parse(b"{}").unwrap_err().to_string();
        assert!(error.contains("workspace_members"), "{error}");
    }
}
