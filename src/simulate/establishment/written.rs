//! What an establishment writes besides its traffic: registers, the logs of who was where, the lines of its configuration, the stories.

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
        let since = region.days.first().map_or_else(String::new, |day| {
            crate::record::calendar::add_days(*day, -60).to_string()
        });
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
        let day =
            |day: Option<jiff::civil::Date>| day.map_or_else(String::new, |day| day.to_string());
        add(
            "registers/accounts.csv",
            self.people
                .iter()
                .map(|person| {
                    let year = person
                        .year
                        .map_or_else(String::new, |year| year.to_string());
                    let from = person
                        .starts
                        .map_or_else(|| since.clone(), |starts| day(Some(starts)));
                    format!(
                        "{},{name},{},{year},{from},{}\n",
                        person.account,
                        person.role.as_str(),
                        day(person.leaves)
                    )
                })
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

    /// The lines of `truth/stories.jsonl`: one for each rule that must find it, and of a twin the one that must not.
    fn told(&self, story: &Story) -> String {
        let others = if story.twin { &[] } else { story.script.also };
        let rules = std::iter::once(&story.script.rule).chain(others);
        let line = |rule| {
            format!(
                "{{\"id\":\"{}\",\"rule\":\"{rule}\",\"twin\":{},\"establishment\":\"{}\",\"from\":\"{}\",\"to\":\"{}\",\"account\":\"{}\"}}\n",
                story.id,
                story.twin,
                self.name,
                clocks::moment(story.from),
                clocks::moment(story.to),
                story.account
            )
        };
        rules.map(line).collect()
    }
}
