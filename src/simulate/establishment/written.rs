//! What an establishment writes besides its traffic: registers, the logs of who was where, the lines of its configuration, the stories.

use jiff::civil::Date;

use crate::record::calendar::add_days;

use super::super::people::Person;
use super::super::stories::Story;
use super::super::wire::Wire;
use super::super::{Piece, Region, clocks};
use super::{Establishment, Kind};

impl Establishment {
    /// What is written but for the traffic: registers, the identity logs, the configuration's lines, the stories.
    pub fn beginning(&self, region: &Region) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = self
            .traces
            .files()
            .into_iter()
            .map(|(file, text)| Piece {
                file,
                bytes: text.into_bytes(),
            })
            .collect();
        let mut add = |file: &str, text: String| {
            pieces.push(Piece {
                file: file.to_owned(),
                bytes: text.into_bytes(),
            })
        };
        add("invigil.toml", self.sources.iter().filter(|source| source.clock.ahead_ms != 0).map(|source| {
            let file = source.file.rsplit('/').next().unwrap_or(&source.file);
            let ahead = source.clock.ahead_ms;
            let sign = if ahead < 0 { "-" } else { "" };
            format!("\n[[logs.source]]\nfiles = \"{file}\"\nclock_ahead_seconds = {sign}{}.{:03}\n", ahead.abs() / 1000, ahead.abs() % 1000)
        }).collect());
        let name = &self.name;
        let since = region
            .days
            .first()
            .map_or_else(String::new, |day| add_days(*day, -60).to_string());
        let kind = match self.kind {
            Kind::Secondary => "secondary",
            Kind::Primary => "primary",
            Kind::Residential => "residential",
        };
        add(
            "registers/establishments.csv",
            format!(
                "{name},Invented {name},{kind},{},{since},\n",
                900_000 + self.index
            ),
        );
        let index = self.index;
        add(
            "registers/networks.csv",
            format!(
                "10.{index}.0.0/22,{name},curriculum,{since},\n10.{index}.4.0/24,{name},admin,{since},\n10.{index}.8.0/21,{name},own_devices,{since},\n10.{index}.16.0/24,{name},guests,{since},\n"
            ),
        );
        add(
            "registers/links.csv",
            match self.kind {
                Kind::Residential => format!("{name}-1,{name},20000000,5000000,{since},\n"),
                _ => format!("{name}-1,{name},200000000,100000000,{since},\n"),
            },
        );
        add(
            "registers/accounts.csv",
            self.people
                .iter()
                .map(|person| self.account_lines(person, &since, region))
                .collect(),
        );
        let moment = |ms: i64| match ms {
            i64::MIN | i64::MAX => String::new(),
            ms => clocks::moment(ms).to_string(),
        };
        add(
            "registers/devices.csv",
            self.register
                .iter()
                .map(|line| {
                    let owner = line
                        .owner
                        .and_then(|owner| self.people.get(owner))
                        .map_or("", |person| &person.account);
                    let shared = line.owner.is_none();
                    format!(
                        "{},{owner},{shared},{name},{},{},{}\n",
                        line.card,
                        line.name,
                        moment(line.from),
                        moment(line.to)
                    )
                })
                .collect(),
        );
        add(
            "truth/stories.jsonl",
            self.stories.iter().map(|story| self.told(story)).collect(),
        );
        let mut random = region.random(&[u64::from(self.index), 4]);
        let mut wire = Wire::default();
        for story in &self.stories {
            if let Some(stay) = self.stays.get(story.stay) {
                (story.script.packets)(story, stay.ip, &mut random, &mut wire);
            }
        }
        let bytes = wire.file();
        if !bytes.is_empty() {
            pieces.push(Piece {
                file: format!("captures/{name}.pcap"),
                bytes,
            });
        }
        pieces
    }

    /// What the register says of an account: a line, or two where one has ended and another holds.
    fn account_lines(&self, person: &Person, since: &str, region: &Region) -> String {
        let day = |day: Option<Date>| day.map_or_else(String::new, |day| day.to_string());
        let year = person
            .year
            .map_or_else(String::new, |year| year.to_string());
        let starts = person.starts.map(|starts| day(Some(starts)));
        let from = starts.unwrap_or_else(|| since.to_owned());
        let line = |from: &str, to: &str| {
            let (account, role) = (&person.account, person.role.as_str());
            format!("{account},{},{role},{year},{from},{to}\n", self.name)
        };
        let left = self
            .stories
            .iter()
            .find(|story| story.script.has_left && story.account == person.account);
        let first = region.days.first().copied();
        let ended = day(first.map(|first| add_days(first, -12)));
        match left {
            None => line(&from, &day(person.leaves)),
            Some(story) if story.twin => line(since, &ended) + &line(&ended, ""),
            Some(_) => line(since, &ended),
        }
    }

    /// The lines of `truth/stories.jsonl`: one for each rule that must find it, and of a twin the one that must not.
    fn told(&self, story: &Story) -> String {
        let who = format!("\"{}\"", story.account);
        let nobody = "null".to_owned();
        let of_rule = if story.script.names_nobody {
            &nobody
        } else {
            &who
        };
        let others = if story.twin { &[] } else { story.script.also };
        let others = others.iter().map(|rule| (*rule, &who));
        let line = |(rule, account): (&str, &String)| {
            format!(
                "{{\"id\":\"{}\",\"rule\":\"{rule}\",\"twin\":{},\"establishment\":\"{}\",\"from\":\"{}\",\"to\":\"{}\",\"account\":{account}}}\n",
                story.id,
                story.twin,
                self.name,
                clocks::moment(story.from),
                clocks::moment(story.to)
            )
        };
        let lines = std::iter::once((story.script.rule, of_rule)).chain(others);
        lines.map(line).collect()
    }
}
