//! Becoming somebody else when the port is open: before there are threads, and with all groups.

use anyhow::{Context, Result};
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, initgroups, setgid, setgroups, setuid};
use std::ffi::CString;

/// Becomes this user, with its groups, and this group. Who is so already stays so.
pub(super) fn drop_to(user: Option<&str>, group: Option<&str>) -> Result<()> {
    let user = user.map(|name| find(name, "user", User::from_name)).transpose()?;
    let group = group.map(|name| find(name, "group", Group::from_name)).transpose()?;
    let uid: Option<Uid> = user.as_ref().map(|user| user.uid);
    let of_user = user.as_ref().map(|user| user.gid);
    let gid: Option<Gid> = group.map(|group| group.gid).or(of_user);
    let is_so = uid.is_none_or(|uid| uid == geteuid()) && gid.is_none_or(|gid| gid == getegid());
    if is_so {
        return Ok(());
    }
    if let Some(gid) = gid {
        match &user {
            Some(user) => {
                let name = CString::new(user.name.as_str()).context("name of the user")?;
                initgroups(&name, gid).context("take over the groups of the user")?;
            }
            None => setgroups(&[gid]).context("leave other groups")?,
        }
        setgid(gid).with_context(|| format!("become group {gid}"))?;
    }
    if let Some(uid) = uid {
        setuid(uid).with_context(|| format!("become user {uid}"))?;
    }
    Ok(())
}

fn find<T>(
    name: &str,
    what: &str,
    from_name: impl FnOnce(&str) -> nix::Result<Option<T>>,
) -> Result<T> {
    let found = from_name(name).with_context(|| format!("look up {what} {name:?}"))?;
    found.with_context(|| format!("main.{what}: there is no {what} {name:?}"))
}
