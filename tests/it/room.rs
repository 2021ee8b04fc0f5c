//! Disks without room: clear words, exit 2, nothing torn; and once there is room each line stands once.
//!
//! The disks are small file systems in memory, which only root may mount; elsewhere these tests say that they are left
//! out.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::home::Home;
use crate::kills::{exactly_once, write_log};
use crate::once::originals_are_what_the_ledger_says;

const LINES: u64 = 60_000;

/// A file system in memory.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mounted(at: &Path, megabytes: u64) -> Option<SmallDisk> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={megabytes}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk(at.to_owned()));
        }
        println!("disks without room: left out, no file system can be mounted here (root may)");
        None
    }

    pub(crate) fn grow_to(&self, megabytes: u64) {
        let options = format!("remount,size={megabytes}m");
        let grown = Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn has_no_room(ended: &Output) {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    let is_told = said.contains("No space left")
        || said.contains("NOT_ENOUGH_SPACE")
        || said.contains("make room");
    assert!(is_told, "{said}");
    assert!(
        !said.contains("panicked") && !said.contains("example/page"),
        "{said}"
    );
}

#[test]
fn a_data_folder_without_room_stops_cleanly_and_goes_on_when_there_is_some() {
    let Some(home) = Home::with_engine("a full data folder") else {
        return;
    };
    // So much that the engine starts, and not enough for all; a little more each time.
    let Some(disk) = SmallDisk::mounted(&home.data(), 4) else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, LINES);
    let arguments = ["ingest", log.to_str().unwrap()];
    let mut refused = 0;
    for megabytes in [4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 64] {
        disk.grow_to(megabytes);
        let ended = home.run(&arguments);
        if ended.status.success() {
            break;
        }
        refused += 1;
        has_no_room(&ended);
        disk.grow_to(64);
        home.ends(0, &["ledger", "verify"]);
    }
    println!("a full data folder: {refused} times refused");
    assert!(refused > 0, "the disk was too large for this test");
    disk.grow_to(200);
    home.ends(0, &arguments);
    exactly_once(&home, "web_hits", LINES);
    originals_are_what_the_ledger_says(&home);
}

#[test]
fn a_part_of_the_data_folder_without_room_stops_cleanly_and_goes_on_when_there_is_some() {
    for part in ["spool", "ledger", "originals", "store/enc"] {
        let Some(home) = Home::with_engine("a full part") else {
            return;
        };
        let Some(disk) = SmallDisk::mounted(&home.path("disk"), 64) else {
            return;
        };
        let log = home.path("access.log");
        write_log(&log, LINES);
        let first = home.path("first.log");
        std::fs::write(
            &first,
            std::fs::read(&log)
                .unwrap()
                .split_inclusive(|b| *b == b'\n')
                .take(100)
                .flatten()
                .copied()
                .collect::<Vec<u8>>(),
        )
        .unwrap();
        // A first run makes the folders; then this one moves to a disk of its own.
        home.ends(0, &["ingest", first.to_str().unwrap()]);
        let (here, there) = (home.data().join(part), home.path("disk/part"));
        copy(&here, &there);
        if here.exists() {
            std::fs::remove_dir_all(&here).unwrap();
        }
        symlink(&there, &here).unwrap();
        let rest = room_of(&home.path("disk"));
        // What is left is filled but for a little.
        let little = match part {
            "store/enc" => 400 << 10,
            // The last page of its file has room; the head is written anew.
            "ledger" => 0,
            _ => 8 << 10,
        };
        std::fs::write(
            home.path("disk/filled"),
            vec![0; usize::try_from(rest - little).unwrap()],
        )
        .unwrap();
        let ended = home.run(&["ingest", log.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        has_no_room(&ended);
        println!("{part}: {said}");
        std::fs::remove_file(home.path("disk/filled")).unwrap();
        disk.grow_to(200);
        home.ends(0, &["ingest", log.to_str().unwrap()]);
        home.ends(0, &["store", "replay"]);
        exactly_once(&home, "web_hits", LINES);
        originals_are_what_the_ledger_says(&home);
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    for entry in entries.map(Result::unwrap) {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// How many bytes are free, as `df` says.
pub(crate) fn room_of(folder: &Path) -> u64 {
    let output = Command::new("df")
        .args(["-B1", "--output=avail"])
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).unwrap().trim().parse().unwrap()
}
