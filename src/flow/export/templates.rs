//! Templates: what the records of a set hold. Kept by exporter, version, domain and number, within a bound.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use super::exporter_number;
use crate::flow::bytes::Bytes;

/// How many fields all templates together may have.
const MOST_FIELDS: usize = 1 << 20;
/// A length that stands in each record and not in the template (RFC 7011, 7).
pub(super) const VARIABLE: u16 = 0xffff;

/// Whose template, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TemplateName {
    exporter: u128,
    version: u16,
    domain: u32,
    id: u16,
}

impl TemplateName {
    pub(super) fn of(exporter: IpAddr, version: u16, domain: u32, id: u16) -> Self {
        TemplateName {
            exporter: exporter_number(exporter),
            version,
            domain,
            id,
        }
    }
}

/// A field of a template. Number 0 of IANA is one that is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Whose number it is; 0 for IANA.
    pub(super) enterprise: u32,
    pub(super) number: u16,
    pub(super) length: u16,
}

/// What the records of a set hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) fields: Vec<Field>,
    /// Whether its records tell of the exporter and not of flows.
    pub(super) is_options: bool,
    /// The length of the shortest record.
    pub(super) least: usize,
}

impl Template {
    fn of(fields: Vec<Field>, is_options: bool) -> Option<Template> {
        let least = fields
            .iter()
            .map(|field| match field.length {
                VARIABLE => 1,
                length => usize::from(length),
            })
            .sum();
        (least > 0).then_some(Template {
            fields,
            is_options,
            least,
        })
    }
}

/// What a template record says.
pub(super) enum Definition {
    Template(u16, Template),
    /// The template with this number holds no more; 2 and 3 stand for all (RFC 7011, 8.1).
    Withdrawal(u16),
}

/// Reads a template of NetFlow 9 or IPFIX.
pub(super) fn data_template(input: &mut Bytes<'_>, is_ipfix: bool) -> Option<Definition> {
    let id = input.be16()?;
    let count = input.be16()?;
    if count == 0 && is_ipfix {
        return Some(Definition::Withdrawal(id));
    }
    let fields = fields(input, count, is_ipfix)?;
    Some(Definition::Template(id, Template::of(fields, false)?))
}

/// Reads an options template of NetFlow 9: lengths in bytes, scopes before options (RFC 3954, 6.1).
pub(super) fn options_template9(input: &mut Bytes<'_>) -> Option<Definition> {
    let id = input.be16()?;
    let scopes = input.be16()? / 4;
    let options = input.be16()? / 4;
    let mut all = Vec::new();
    for _ in 0..scopes {
        input.skip(2)?;
        // A scope's numbers are a list of their own.
        all.push(Field {
            enterprise: 0,
            number: 0,
            length: input.be16()?,
        });
    }
    all.extend(fields(input, options, false)?);
    Some(Definition::Template(id, Template::of(all, true)?))
}

/// Reads an options template of IPFIX: scopes are the first of its fields (RFC 7011, 3.4.2.2).
pub(super) fn options_template10(input: &mut Bytes<'_>) -> Option<Definition> {
    let id = input.be16()?;
    let count = input.be16()?;
    if count == 0 {
        return Some(Definition::Withdrawal(id));
    }
    input.skip(2)?;
    let fields = fields(input, count, true)?;
    Some(Definition::Template(id, Template::of(fields, true)?))
}

fn fields(input: &mut Bytes<'_>, count: u16, is_ipfix: bool) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    for _ in 0..count {
        let (number, length) = (input.be16()?, input.be16()?);
        let is_enterprise = is_ipfix && number & 0x8000 != 0;
        fields.push(Field {
            enterprise: if is_enterprise { input.be32()? } else { 0 },
            number: if is_enterprise {
                number & 0x7fff
            } else {
                number
            },
            length,
        });
    }
    Some(fields)
}

/// All templates that are known.
#[derive(Debug)]
pub(super) struct Templates {
    most: usize,
    known: BTreeMap<TemplateName, (u64, Arc<Template>)>,
    order: VecDeque<(u64, TemplateName)>,
    tickets: u64,
    fields: usize,
}

impl Templates {
    pub(super) fn new(most: usize) -> Self {
        Templates {
            most: most.max(1),
            known: BTreeMap::new(),
            order: VecDeque::new(),
            tickets: 0,
            fields: 0,
        }
    }

    pub(super) fn find(&self, name: TemplateName) -> Option<Arc<Template>> {
        self.known.get(&name).map(|(_, template)| template.clone())
    }

    /// Remembers a template; says whether it is new or another than before. Without room the oldest is forgotten.
    pub(super) fn learn(&mut self, name: TemplateName, template: Template) -> bool {
        if let Some((_, known)) = self.known.get(&name)
            && **known == template
        {
            return false;
        }
        self.forget(name);
        self.tickets += 1;
        self.fields += template.fields.len();
        self.known.insert(name, (self.tickets, Arc::new(template)));
        self.order.push_back((self.tickets, name));
        while self.known.len() > self.most || self.fields > MOST_FIELDS && self.known.len() > 1 {
            let Some((ticket, oldest)) = self.order.pop_front() else {
                break;
            };
            if self
                .known
                .get(&oldest)
                .is_some_and(|(own, _)| *own == ticket)
            {
                self.forget(oldest);
            }
        }
        if self.order.len() > 2 * self.most {
            let known = &self.known;
            self.order
                .retain(|(ticket, name)| known.get(name).is_some_and(|(own, _)| own == ticket));
        }
        true
    }

    fn forget(&mut self, name: TemplateName) {
        if let Some((_, template)) = self.known.remove(&name) {
            self.fields -= template.fields.len();
        }
    }

    /// Forgets what an exporter withdrew.
    pub(super) fn withdraw(&mut self, name: TemplateName) {
        let is_options = match name.id {
            2 => false,
            3 => true,
            _ => return self.forget(name),
        };
        let all: Vec<TemplateName> = self
            .known
            .range(
                TemplateName { id: 0, ..name }..=TemplateName {
                    id: u16::MAX,
                    ..name
                },
            )
            .filter(|(_, (_, template))| template.is_options == is_options)
            .map(|(name, _)| *name)
            .collect();
        for name in all {
            self.forget(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_room_the_oldest_template_is_forgotten() {
        let mut templates = Templates::new(2);
        let name = |id| TemplateName::of(IpAddr::from([192, 0, 2, 1]), 9, 0, id);
        let template = |length| {
            let field = Field {
                enterprise: 0,
                number: 1,
                length,
            };
            Template::of(vec![field], false).unwrap()
        };
        assert!(templates.learn(name(256), template(4)));
        assert!(!templates.learn(name(256), template(4)), "nothing new");
        assert!(templates.learn(name(257), template(4)));
        assert!(
            templates.learn(name(256), template(8)),
            "another than before"
        );
        assert!(templates.learn(name(258), template(4)));
        let known: Vec<bool> = [256, 257, 258]
            .map(|id| templates.find(name(id)).is_some())
            .into();
        assert_eq!(known, [true, false, true]);
        for round in 0..1_000u16 {
            templates.learn(name(256 + round % 3), template(1 + round));
        }
        assert!(templates.order.len() <= 5 && templates.fields <= 2);
        templates.withdraw(name(2));
        assert_eq!((templates.known.len(), templates.fields), (0, 0));
    }
}
