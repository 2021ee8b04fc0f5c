//! A wire for a test: two ends of one, in a network of their own that no other program sees.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use invigil::capture::{CaptureFile, Step};

use crate::home::nothing_may_be_left_out;

/// The end that is played into, and the one that is listened at.
const PLAYED: &str = "played";
pub(crate) const HEARD: &str = "heard";

/// A network with a wire in it, for as long as this lives.
pub(crate) struct Wire {
    holder: Child,
    enter: Vec<String>,
}

impl Wire {
    /// Lays a wire, or says that the test was left out: where nobody may make a network there is none. Where tools are
    /// missing it is a failure if nothing may be left out.
    pub(crate) fn lay(test: &str) -> Option<Wire> {
        let tools = ["tcpreplay", "ip", "unshare", "nsenter"];
        if let Some(missing) = tools.iter().find(|tool| found(tool).is_none()) {
            assert!(
                !nothing_may_be_left_out(),
                "{test}: {missing} is missing (packaging/install-system.sh test)"
            );
            println!("{test}: left out, {missing} is missing");
            return None;
        }
        // As root, or where the system lets anybody be root in a world of her own.
        let ways = [
            (vec!["-n"], vec!["-n"]),
            (
                vec!["-U", "-r", "-n"],
                vec!["-U", "--preserve-credentials", "-n"],
            ),
        ];
        let wire = ways.into_iter().find_map(|(unshare, enter)| {
            let holder = command("unshare")
                .args(unshare)
                .args(["sleep", "600"])
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut enter: Vec<String> = enter.into_iter().map(str::to_owned).collect();
            enter.extend(["-t".to_owned(), holder.id().to_string()]);
            let wire = Wire { holder, enter };
            wire.is_laid().then_some(wire)
        });
        if wire.is_none() {
            println!("{test}: left out, nobody may make a network here (root may)");
        }
        wire
    }

    /// Waits until the holder stands in a network of its own, then lays the wire.
    fn is_laid(&self) -> bool {
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let holder = self.holder.id().to_string();
        let apart = wait_for(Duration::from_secs(5), || {
            network(&holder).is_some_and(|of_holder| Some(of_holder) != network("self"))
        });
        // A fresh end of a wire asks for neighbours by IPv6: nobody shall speak but the test.
        let lay = format!(
            "ip link add {PLAYED} type veth peer name {HEARD} && for end in {PLAYED} {HEARD}; do \
             {{ echo 1 > /proc/sys/net/ipv6/conf/$end/disable_ipv6; }} 2>/dev/null; ip link set $end up || exit 1; done"
        );
        let mut laying = command("sh");
        laying.args(["-c", &lay]).stderr(Stdio::null());
        apart && self.inside(&laying).status().unwrap().success()
    }

    /// The same command within the network. It takes nothing over but what it names.
    pub(crate) fn inside(&self, outside: &Command) -> Command {
        let mut inside = command("nsenter");
        inside
            .args(&self.enter)
            .arg("--")
            .arg(outside.get_program())
            .args(outside.get_args())
            .stdin(Stdio::null());
        for (name, value) in outside.get_envs() {
            if let Some(value) = value {
                inside.env(name, value);
            }
        }
        inside
    }

    /// Plays fixtures into the wire and says how many frames were sent.
    pub(crate) fn play(&self, arguments: &[&str], fixtures: &[&str]) -> u64 {
        let mut playing = command("tcpreplay");
        playing.args(["-i", PLAYED]).args(arguments);
        playing.args(fixtures.iter().map(|name| fixture(name)));
        let output = self.inside(&playing).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let sent = said.lines().find_map(|line| {
            let number = line.trim().strip_prefix("Actual: ")?.split(' ').next()?;
            number.parse().ok()
        });
        sent.unwrap_or_else(|| panic!("tcpreplay did not say how many it sent: {said}"))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/pcap")
        .join(name)
}

/// Where the system's tools lie, also those of its administrator.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

fn command(tool: &str) -> Command {
    let mut command = Command::new(found(tool).unwrap_or_else(|| tool.into()));
    command.env_clear().env("PATH", PATH);
    command
}

fn found(tool: &str) -> Option<PathBuf> {
    let places = PATH.split(':').map(|folder| Path::new(folder).join(tool));
    places.into_iter().find(|path| path.exists())
}

/// How many frames a capture holds that may still be growing.
pub(crate) fn frames_in(path: &Path) -> u64 {
    let Ok(file) = std::fs::File::open(path) else {
        return 0;
    };
    let Ok(mut capture) = CaptureFile::open(Box::new(file)) else {
        return 0;
    };
    let mut frames = 0;
    while let Ok(Some(step)) = capture.next_step() {
        frames += u64::from(matches!(step, Step::Packet(_)));
    }
    frames
}

/// Waits until something is so, and says whether it came.
pub(crate) fn wait_for(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let pause = Duration::from_millis(20);
    let mut left = limit;
    while !is_so() {
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(pause);
        left = left.saturating_sub(pause);
    }
    true
}
