//! Ops on windows of a tensor with channels last: convolutions and pools over one to three axes.
//!
//! Start with [`Window`]: what users say about windows (strides, dilations, padding), read and checked, and where it
//! puts them. [`convolution`] and [`max`] have the primitives, whose attributes are plain numbers; what users call
//! ([`conv`], [`transpose`], [`max`], [`average`]) expands into them.

pub mod average;
pub mod conv;
pub mod convolution;
pub mod dilation;
pub mod max;
pub mod segments;
pub mod transpose;

use crate::base::spec::Dims;
use crate::graph::AttrValue;
use crate::ops::entry::*;

/// Strides, dilations and padding of windows over some axes.
pub(super) struct Window {
    /// Elements of a window along each axis.
    pub taps: Dims,
    /// Distance of windows.
    pub strides: Vec<i64>,
    /// Distance of a window's elements.
    pub dilations: Vec<i64>,
    /// What is put around.
    pub padding: Padding,
    /// Whether a last window may hang over the padding.
    pub ceil: bool,
}

/// What is put around a tensor before windows are laid.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Padding {
    /// Nothing.
    Valid,
    /// As much as gives a window a stride, half of it before.
    Same,
    /// All of it before, so that no window sees what comes after it.
    Causal,
    /// So much before and after each axis.
    Explicit(Vec<(i64, i64)>),
}

/// Where windows lie along an axis.
pub(super) struct Placed {
    /// Padding before.
    pub before: Dim,
    /// Padding after.
    pub after: Dim,
    /// Number of windows.
    pub count: Dim,
}

/// Sizes and distances of windows are less than this.
const LIMIT: i64 = 1 << 31;

impl Window {
    /// The windows of these lengths that attributes `strides`, `padding`, `dilations` and `ceil_mode` describe; absent
    /// ones are 1, `VALID`, 1 and false.
    pub fn new(attrs: &Attrs, taps: &[Dim]) -> Result<Window> {
        let rank = taps.len();
        if let Some(bad) = taps.iter().find(|t| t.as_const().is_some_and(|t| !(1..LIMIT).contains(&t))) {
            return Err(infer::wrong(Kind::Value, "windows of 1 to 2^31 - 1 elements", bad));
        }
        Ok(Window {
            taps: taps.iter().cloned().collect(),
            strides: steps(attrs, "strides", rank)?.unwrap_or_else(|| vec![1; rank]),
            dilations: steps(attrs, "dilations", rank)?.unwrap_or_else(|| vec![1; rank]),
            padding: padding(attrs, rank)?,
            ceil: attrs.bool("ceil_mode"),
        })
    }

    /// The windows of a pool over `axes` axes: attribute `ksize` has their lengths; strides are those if absent.
    pub fn of_pool(attrs: &Attrs, axes: usize) -> Result<Window> {
        let taps = steps(attrs, "ksize", axes)?.unwrap_or_else(|| vec![1; axes]);
        let strides = steps(attrs, "strides", axes)?.unwrap_or_else(|| taps.clone());
        let taps: Vec<Dim> = taps.into_iter().map(Dim::from).collect();
        Ok(Window { strides, ..Window::new(attrs, &taps)? })
    }

    /// From one end of a window to the other along an axis.
    pub fn extent(&self, axis: usize) -> Dim {
        (self.taps[axis].clone() - Dim::ONE) * Dim::from(self.dilations[axis]) + Dim::ONE
    }

    /// Where windows lie along an axis of length `size`.
    pub fn place(&self, axis: usize, size: &Dim) -> Result<Placed> {
        let (extent, stride) = (self.extent(axis), Dim::from(self.strides[axis]));
        let (before, after) = match &self.padding {
            Padding::Valid => (Dim::ZERO, Dim::ZERO),
            Padding::Causal => (extent.clone() - Dim::ONE, Dim::ZERO),
            Padding::Explicit(sides) => (sides[axis].0.into(), sides[axis].1.into()),
            Padding::Same => {
                let count = size.ceil_div(&stride);
                let missing = (count.clone() - Dim::ONE) * stride + extent - size.clone();
                let total = if infer::nonnegative(&missing) { missing } else { missing.maximum(&Dim::ZERO) };
                let before = total.floor_div(&2i64.into());
                return Ok(Placed { after: total - before.clone(), before, count });
            }
        };
        let room = size.clone() + before.clone() + after.clone() - extent.clone();
        if room.as_const().is_some_and(|room| room < 0) {
            let padded = size.clone() + before + after;
            let wanted = format!("a window within the {padded} padded elements of axis {}", axis + 1);
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("one that extends over {extent}"))
                .hint("use padding \"SAME\", or a smaller window"));
        }
        let count = match self.ceil {
            false => room.floor_div(&stride) + Dim::ONE,
            // A window that would begin in the padding behind is left out.
            true => (room.ceil_div(&stride) + Dim::ONE).minimum(&(size.clone() + before.clone()).ceil_div(&stride)),
        };
        Ok(Placed { before, after, count })
    }

    /// Where windows lie along every axis of a tensor `[batch, axes…, channels]`.
    pub fn place_all(&self, dims: &[Dim]) -> Result<Vec<Placed>> {
        (0..self.taps.len()).map(|axis| self.place(axis, &dims[axis + 1])).collect()
    }

    /// The attributes that all primitives on windows share.
    pub fn attrs(&self, placed: &[Placed], dims: Dims) -> Attrs {
        let before: Vec<Dim> = placed.iter().map(|p| p.before.clone()).collect();
        Attrs::new()
            .with("strides", self.strides.clone())
            .with("dilations", self.dilations.clone())
            .with("before", before)
            .with("dims", &dims[..])
    }

    /// The parameters of library kernels on windows, from the attributes of a primitive.
    pub fn params(attrs: &Attrs) -> Vec<Dim> {
        let list = |name| attrs.ints(name).unwrap_or_default().iter().map(|&v| Dim::from(v));
        let before = attrs.dims("before").unwrap_or_default().iter().cloned();
        list("strides").chain(list("dilations")).chain(before).collect()
    }
}

/// Where the channels are, for ops that leave the choice to users.
pub(super) const DATA_FORMAT: AttrDef = optional("data_format", AttrKind::Str);

/// Whether attribute `data_format` says that channels are the axis after the batch, and not the last.
pub(in crate::ops) fn is_channels_first(attrs: &Attrs) -> Result<bool> {
    match attrs.str("data_format").unwrap_or("channels_last") {
        "NWC" | "NHWC" | "NDHWC" | "channels_last" => Ok(false),
        "NCW" | "NCHW" | "NCDHW" | "channels_first" => Ok(true),
        other => {
            let hint = "name it \"NHWC\" or \"NCHW\", with W or DHW for other axes";
            Err(infer::wrong(Kind::Value, "a known data_format", format_args!("{other:?}")).hint(hint))
        }
    }
}

/// The results of `f` for `x` with its channels last, and where the attributes want them.
pub(super) fn channels_last<'b>(
    x: Expr<'b>,
    f: impl FnOnce(Expr<'b>) -> Result<Vec<Expr<'b>>>,
) -> Result<Vec<Expr<'b>>> {
    let rank = x.rank()?;
    if rank < 3 || !is_channels_first(x.b().attrs())? {
        return f(x);
    }
    let to_last: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
    let to_first: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    Ok(f(x.transpose(&to_last))?.into_iter().map(|y| y.transpose(&to_first)).collect())
}

/// The number of axes of windows over a tensor `[batch, axes…, channels]`; `wanted` if that is known.
pub(super) fn axes_of(x: &TensorSpec, wanted: Option<usize>) -> Result<usize> {
    let axes = x.rank().checked_sub(2).filter(|n| (1..=3).contains(n) && wanted.is_none_or(|w| w == *n));
    axes.ok_or_else(|| {
        let ranks = wanted.map_or("3 to 5".to_owned(), |w| (w + 2).to_string());
        infer::wrong(Kind::Shape, format_args!("a tensor [batch, axes.., channels] of rank {ranks}"), x)
    })
}

/// A list of numbers of at least 1, one an axis: one for all, or one for each, or as TensorFlow also has it with a 1
/// for batch and channels around.
pub(super) fn steps(attrs: &Attrs, name: &'static str, rank: usize) -> Result<Option<Vec<i64>>> {
    let Some(list) = attrs.ints(name).filter(|list| !list.is_empty()) else { return Ok(None) };
    let is_first = is_channels_first(attrs)?;
    let inner = match list {
        [1, inner @ .., 1] if inner.len() == rank && !is_first => inner.to_vec(),
        [1, 1, inner @ ..] if inner.len() == rank && is_first => inner.to_vec(),
        [one] => vec![*one; rank],
        list if list.len() == rank => list.to_vec(),
        _ => {
            let wanted = format!("one number or {rank} in `{name}`");
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{list:?}")));
        }
    };
    match inner.iter().find(|v| !(1..LIMIT).contains(*v)) {
        Some(bad) => Err(infer::wrong(Kind::Value, format_args!("numbers from 1 to 2^31 - 1 in `{name}`"), bad)),
        None => Ok(Some(inner)),
    }
}

/// Attribute `padding`: a name, or two numbers an axis.
fn padding(attrs: &Attrs, rank: usize) -> Result<Padding> {
    match attrs.get("padding") {
        None => Ok(Padding::Valid),
        Some(AttrValue::Str(name)) => match &*name.to_ascii_uppercase() {
            "VALID" => Ok(Padding::Valid),
            "SAME" => Ok(Padding::Same),
            "CAUSAL" if rank == 1 => Ok(Padding::Causal),
            _ => {
                let hint =
                    "name it \"VALID\", \"SAME\", over one axis \"CAUSAL\", or give [before, after] for each axis";
                Err(infer::wrong(Kind::Value, "a known padding", format_args!("{name:?}")).hint(hint))
            }
        },
        Some(_) => explicit(attrs, "padding", rank).map(Padding::Explicit),
    }
}

/// Two numbers of at least 0 an axis; TensorFlow's zeros for batch and channels around are left out.
pub(super) fn explicit(attrs: &Attrs, name: &'static str, rank: usize) -> Result<Vec<(i64, i64)>> {
    let list = attrs.ints(name).unwrap_or_default();
    let is_first = is_channels_first(attrs)?;
    let inner = match list {
        [0, 0, inner @ .., 0, 0] if inner.len() == 2 * rank && !is_first => inner,
        [0, 0, 0, 0, inner @ ..] if inner.len() == 2 * rank && is_first => inner,
        list if list.len() == 2 * rank => list,
        _ => {
            let wanted = format!("{} numbers in `{name}`, two an axis", 2 * rank);
            return Err(infer::wrong(Kind::Shape, wanted, format_args!("{list:?}")));
        }
    };
    match inner.iter().find(|v| !(0..LIMIT).contains(*v)) {
        Some(bad) => Err(infer::wrong(Kind::Value, format_args!("widths of at least 0 in `{name}`"), bad)),
        None => Ok(inner.chunks_exact(2).map(|sides| (sides[0], sides[1])).collect()),
    }
}

/// `[batch, counts…, channels]`.
pub(super) fn result_dims(x: &[Dim], placed: &[Placed], channels: Dim) -> Dims {
    let counts = placed.iter().map(|p| p.count.clone());
    std::iter::once(x[0].clone()).chain(counts).chain([channels]).collect()
}

/// The position in a tensor that tap `tap` of window `window` meets, or None outside it; all of one axis each.
pub(super) fn meets(
    attrs: &Attrs,
    before: &[i64],
    source: &[usize],
    window: &[usize],
    tap: &[usize],
) -> Option<Vec<usize>> {
    let (strides, dilations) = (attrs.ints("strides")?, attrs.ints("dilations")?);
    (0..source.len())
        .map(|axis| {
            let at = window[axis] as i64 * strides[axis] + tap[axis] as i64 * dilations[axis] - before[axis];
            usize::try_from(at).ok().filter(|&at| at < source[axis])
        })
        .collect()
}
