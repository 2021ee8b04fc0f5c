//! Charts as SVG: deterministic, readable without colour, with a title and a description for those who do not see them.

use std::fmt::Write;

use super::document::thousands;
use super::{Chart, Form};

/// Drawn for a narrow screen; a wide one scales it up.
const WIDTH: usize = 360;
const HEIGHT: usize = 200;
const LEFT: usize = 42;
const RIGHT: usize = 10;
const TOP: usize = 14;
const BOTTOM: usize = 34;

/// The chart as SVG. `id` is unique in its page.
pub(super) fn svg(chart: &Chart, id: &str) -> String {
    let top = chart
        .series
        .iter()
        .flat_map(|series| &series.values)
        .copied()
        .max()
        .unwrap_or(0);
    let scale = Scale {
        top: round_up(top),
        labels: chart.labels.len().max(1),
    };
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">",
            HEIGHT + legend_height(chart)
        ),
    );
    put(
        &mut out,
        format_args!("<title id=\"{id}-title\">{}</title>", escaped(&chart.title)),
    );
    put(
        &mut out,
        format_args!(
            "<desc id=\"{id}-desc\">{}</desc>",
            escaped(&chart.description)
        ),
    );
    put(
        &mut out,
        format_args!(
            "<defs><pattern id=\"{id}-hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"5\" height=\"5\" fill=\"#fff\"/><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\" stroke=\"#1d4f7c\" stroke-width=\"3\"/></pattern></defs>"
        ),
    );
    axes(&mut out, chart, &scale);
    match chart.form {
        Form::Bars => bars(&mut out, chart, &scale, id),
        Form::Lines => lines(&mut out, chart, &scale),
    }
    legend(&mut out, chart, id);
    out.push_str("</svg>");
    out
}

/// Where things stand.
struct Scale {
    top: u64,
    labels: usize,
}

impl Scale {
    fn y(&self, value: u64) -> f64 {
        let high = (HEIGHT - TOP - BOTTOM) as f64;
        (HEIGHT - BOTTOM) as f64 - value as f64 / self.top.max(1) as f64 * high
    }

    /// The middle of a label's place.
    fn x(&self, index: usize) -> f64 {
        LEFT as f64 + (index as f64 + 0.5) * self.step()
    }

    fn step(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) as f64 / self.labels as f64
    }
}

/// The next round number that is not less, and at least 4; always even, for the line at its half.
fn round_up(value: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for step in [4, 6, 8, 10, 12, 16, 20, 30] {
            let step = unit.saturating_mul(step);
            if step >= value {
                return step;
            }
        }
        unit = match unit.checked_mul(10) {
            Some(unit) => unit,
            None => return u64::MAX,
        };
    }
}

fn axes(out: &mut String, chart: &Chart, scale: &Scale) {
    for quarter in 0..=2u64 {
        let value = scale.top / 2 * quarter;
        let y = scale.y(value);
        put(
            out,
            format_args!(
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\" stroke=\"#bbb\" stroke-width=\"0.5\"/>",
                WIDTH - RIGHT
            ),
        );
        put(
            out,
            format_args!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 4,
                y + 3.0,
                thousands(value)
            ),
        );
    }
    for (index, label) in chart.labels.iter().enumerate() {
        put(
            out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                scale.x(index),
                HEIGHT - BOTTOM + 13,
                escaped(label)
            ),
        );
    }
    put(
        out,
        format_args!(
            "<text x=\"{LEFT}\" y=\"{}\" class=\"unit\">{}</text>",
            TOP - 4,
            escaped(&chart.unit)
        ),
    );
}

fn bars(out: &mut String, chart: &Chart, scale: &Scale, id: &str) {
    let many = chart.series.len().max(1);
    let width = scale.step() * 0.76 / many as f64;
    for (number, series) in chart.series.iter().enumerate() {
        for (index, value) in series.values.iter().enumerate() {
            let x = scale.x(index) - scale.step() * 0.38 + number as f64 * width;
            let y = scale.y(*value);
            let fill = fill(number, id);
            put(
                out,
                format_args!(
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\" stroke=\"#1d4f7c\" stroke-width=\"0.7\"/>",
                    width * 0.94,
                    (HEIGHT - BOTTOM) as f64 - y
                ),
            );
            put(
                out,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" class=\"value\">{}</text>",
                    x + width / 2.0,
                    y - 2.5,
                    thousands(*value)
                ),
            );
        }
    }
}

/// Solid, hatched, white: told apart without colour.
fn fill(number: usize, id: &str) -> String {
    match number % 3 {
        0 => "#1d4f7c".to_owned(),
        1 => format!("url(#{id}-hatch)"),
        _ => "#fff".to_owned(),
    }
}

const DASHES: [&str; 4] = ["none", "6 3", "2 2", "8 3 2 3"];

fn lines(out: &mut String, chart: &Chart, scale: &Scale) {
    for (number, series) in chart.series.iter().enumerate() {
        let mut points = String::new();
        for (index, value) in series.values.iter().enumerate() {
            put(
                &mut points,
                format_args!("{:.1},{:.1} ", scale.x(index), scale.y(*value)),
            );
        }
        let dash = DASHES.get(number % DASHES.len()).copied().unwrap_or("none");
        put(
            out,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"#1d4f7c\" stroke-width=\"1.6\" stroke-dasharray=\"{dash}\"/>",
                points.trim_end()
            ),
        );
        for (index, value) in series.values.iter().enumerate() {
            marker(out, number, scale.x(index), scale.y(*value));
        }
    }
}

/// A disc, a square, a triangle, a ring.
fn marker(out: &mut String, number: usize, x: f64, y: f64) {
    match number % 4 {
        0 => put(
            out,
            format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#1d4f7c\"/>"),
        ),
        1 => put(
            out,
            format_args!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"5.6\" height=\"5.6\" fill=\"#1d4f7c\"/>",
                x - 2.8,
                y - 2.8
            ),
        ),
        2 => put(
            out,
            format_args!(
                "<path d=\"M{x:.1} {:.1} l3.4 6 h-6.8 z\" fill=\"#1d4f7c\"/>",
                y - 3.6
            ),
        ),
        _ => put(
            out,
            format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#fff\" stroke=\"#1d4f7c\" stroke-width=\"1.4\"/>"
            ),
        ),
    }
}

/// A line of legend for each series, where there is more than one.
fn legend_height(chart: &Chart) -> usize {
    if chart.series.len() > 1 {
        chart.series.len() * 14
    } else {
        0
    }
}

fn legend(out: &mut String, chart: &Chart, id: &str) {
    if chart.series.len() < 2 {
        return;
    }
    for (number, series) in chart.series.iter().enumerate() {
        let y = HEIGHT - 8 + number * 14;
        match chart.form {
            Form::Bars => put(
                out,
                format_args!(
                    "<rect x=\"{LEFT}\" y=\"{}\" width=\"22\" height=\"8\" fill=\"{}\" stroke=\"#1d4f7c\"/>",
                    y - 4,
                    fill(number, id)
                ),
            ),
            Form::Lines => {
                let dash = DASHES.get(number % DASHES.len()).copied().unwrap_or("none");
                put(
                    out,
                    format_args!(
                        "<line x1=\"{LEFT}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"#1d4f7c\" stroke-width=\"1.6\" stroke-dasharray=\"{dash}\"/>",
                        LEFT + 22
                    ),
                );
                marker(out, number, LEFT as f64 + 11.0, y as f64);
            }
        }
        put(
            out,
            format_args!(
                "<text x=\"{}\" y=\"{}\">{}</text>",
                LEFT + 28,
                y + 4,
                escaped(&series.name)
            ),
        );
    }
}

/// Writing to a text does not fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
