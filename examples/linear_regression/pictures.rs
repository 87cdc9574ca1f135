//! The three pictures, each as SVG and as PNG at twice its size. Start with [`draw`].

use crate::model::{Data, Run, Surface};
use kuva::backend::raster::RasterBackend;
use kuva::prelude::*;
use std::error::Error;
use std::fs;
use std::path::Path;

const POINTS: &str = "#4878a8";
const LEARNED: &str = "#d62828";
const TRUE_LINE: &str = "#555555";
const START: &str = "#38bdf8";
const END: &str = "#ffb000";

/// Writes the pictures into a folder, made if it is not there. `fitted` gives the line and the loss curve, `descent`
/// the path on the surface.
pub fn draw(folder: &Path, data: &Data, fitted: &Run, descent: &Run, surface: Surface) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    write(folder, "fit", fit(data, fitted))?;
    write(folder, "surface", error_surface(data, descent, surface))?;
    write(folder, "loss", loss_curve(fitted))
}

fn write(folder: &Path, name: &str, scene: kuva::render::render::Scene) -> Result<(), Box<dyn Error>> {
    fs::write(folder.join(name).with_extension("svg"), SvgBackend::new().render_scene(&scene))?;
    let png = RasterBackend::new().with_scale(2.0).render_scene(&scene)?;
    fs::write(folder.join(name).with_extension("png"), png)?;
    Ok(())
}

/// The points with the line that was learned, and the one they come from.
fn fit(data: &Data, run: &Run) -> kuva::render::render::Scene {
    let (x, y) = (data.x.to_vec::<f32>(), data.y.to_vec::<f32>());
    let line = |m: f64, b: f64| [0.0, 1.0].map(|x| (x, m * x + b));
    let learned = format!("learned: y = {:.3} x + {:.3}", run.slope(), run.intercept());
    let true_line = format!("true: y = {} x + {}", Data::SLOPE, Data::INTERCEPT);
    let plots: Vec<Plot> = vec![
        ScatterPlot::new()
            .with_data(x.into_iter().zip(y))
            .with_color(POINTS)
            .with_size(4.0)
            .with_marker_opacity(0.7)
            .with_legend("points")
            .into(),
        LinePlot::new()
            .with_data(line(Data::SLOPE, Data::INTERCEPT))
            .with_color(TRUE_LINE)
            .with_stroke_width(1.5)
            .with_dashed()
            .with_legend(true_line)
            .into(),
        LinePlot::new()
            .with_data(line(run.slope(), run.intercept()))
            .with_color(LEARNED)
            .with_stroke_width(2.5)
            .with_legend(learned)
            .into(),
    ];
    let layout = layout(&plots, &format!("The line fitted in {} steps", run.steps.len()))
        .with_x_label("x")
        .with_y_label("y")
        .with_legend_position(LegendPosition::InsideTopLeft);
    render_multiple(plots, layout)
}

/// The mean squared error over m and b, and the way down.
fn error_surface(data: &Data, run: &Run, surface: Surface) -> kuva::render::render::Scene {
    let on_surface = |&(m, b): &(f64, f64)| (m, b, data.error_at(m, b));
    let start = on_surface(&run.path[0]);
    let end = on_surface(&run.path[run.path.len() - 1]);
    // Close dots make a line that lies on the surface between the steps too.
    let dots = dense(&run.path, 0.004).iter().map(on_surface).collect::<Vec<_>>();
    let marks = run.path.iter().step_by(5).map(on_surface).collect::<Vec<_>>();
    let points = |data: Vec<(f64, f64, f64)>, color: &str, size: f64| {
        Scatter3DPlot::new().with_data(data).with_color(color).with_size(size)
    };
    let plots: Vec<Plot> = vec![
        Surface3DPlot::new(surface.errors)
            .with_x_coords(surface.axis.clone())
            .with_y_coords(surface.axis)
            .with_z_colormap(ColorMap::Viridis)
            .with_wireframe_color("#ffffff")
            .with_wireframe_width(0.25)
            .with_azimuth(-50.0)
            .with_elevation(38.0)
            .with_x_label("m")
            .with_y_label("b")
            .with_z_label("mean squared error")
            .into(),
        points(dots, LEARNED, 1.6).into(),
        points(marks, LEARNED, 3.2).with_legend("descent, every 5th step").into(),
        points(vec![start], START, 6.0).with_marker_stroke_width(1.5).with_legend("start").into(),
        points(vec![end], END, 6.0).with_marker_stroke_width(1.5).with_legend("end").into(),
    ];
    let mut layout = layout(&plots, "The error surface and the path of gradient descent")
        .with_height(640.0)
        .with_legend_position(LegendPosition::InsideTopLeft);
    // The height says the same.
    layout.show_colorbar = false;
    render_multiple(plots, layout)
}

/// Points along a path, no further apart than `gap`.
fn dense(path: &[(f64, f64)], gap: f64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for pair in path.windows(2) {
        let [(m, b), (to_m, to_b)] = [pair[0], pair[1]];
        let pieces = ((to_m - m).hypot(to_b - b) / gap).ceil() as usize;
        points.extend((0..pieces).map(|i| {
            let t = i as f64 / pieces as f64;
            (m + t * (to_m - m), b + t * (to_b - b))
        }));
    }
    points.extend(path.last());
    points
}

fn loss_curve(run: &Run) -> kuva::render::render::Scene {
    let curve = run.losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss));
    let plots: Vec<Plot> = vec![LinePlot::new().with_data(curve).with_color(LEARNED).with_stroke_width(2.5).into()];
    let layout =
        layout(&plots, "The loss on the way down").with_x_label("step").with_y_label("mean squared error").with_log_y();
    render_multiple(plots, layout)
}

fn layout(plots: &[Plot], title: &str) -> Layout {
    Layout::auto_from_plots(plots).with_width(760.0).with_height(480.0).with_title(title)
}
