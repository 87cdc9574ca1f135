//! Each kernel against its definition in f64, over shapes that reach every path.

use crate::array::{Array, DType};
use crate::exec::parallel;
use crate::kernels::library::testing::{indices, run, run_err, values};
use crate::kernels::library::{LibraryCx, View, ViewMut, find};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Small integers, so that every product and sum is exact.
fn operand(dtype: DType, shape: &[usize], seed: usize) -> Array {
    let len: usize = shape.iter().product();
    let data: Vec<i32> = (0..len).map(|i| ((i * 7 + seed * 5 + i / 11) % 5) as i32 - 2).collect();
    Array::from_vec(shape, data).unwrap().cast(dtype).unwrap()
}

/// `[batch, axes.., channels]`, `[taps.., depth, results]`, `[batch, axes.., results]`, and parameters.
struct Case {
    x: Vec<usize>,
    filter: Vec<usize>,
    y: Vec<usize>,
    params: Vec<i64>,
}

/// The result's axes follow from what is put before and after.
fn case(x: &[usize], filter: &[usize], strides: &[i64], dilations: &[i64], before: &[i64], after: &[i64]) -> Case {
    let rank = x.len() - 2;
    let mut y = x.to_vec();
    y[rank + 1] = filter[rank + 1];
    for axis in 0..rank {
        let window = (filter[axis] as i64 - 1) * dilations[axis] + 1;
        let padded = x[axis + 1] as i64 + before[axis] + after[axis];
        y[axis + 1] = ((padded - window) / strides[axis] + 1) as usize;
    }
    Case { x: x.to_vec(), filter: filter.to_vec(), y, params: [strides, dilations, before].concat() }
}

fn cases() -> Vec<Case> {
    vec![
        case(&[2, 9, 3], &[3, 3, 5], &[1], &[1], &[1], &[1]),
        case(&[1, 9, 4], &[3, 2, 6], &[2], &[2], &[3], &[1]),
        case(&[2, 5, 6, 3], &[3, 3, 3, 4], &[1, 1], &[1, 1], &[1, 1], &[1, 1]),
        case(&[2, 5, 6, 3], &[3, 2, 3, 70], &[2, 3], &[1, 2], &[0, 1], &[2, 1]),
        case(&[1, 7, 5, 4], &[1, 1, 4, 5], &[1, 1], &[1, 1], &[0, 0], &[0, 0]),
        case(&[1, 7, 5, 4], &[1, 1, 4, 5], &[3, 2], &[1, 1], &[0, 0], &[0, 0]),
        case(&[1, 7, 5, 40], &[2, 2, 1, 40], &[2, 1], &[1, 1], &[0, 1], &[1, 0]),
        case(&[1, 7, 5, 3], &[2, 2, 1, 6], &[1, 2], &[2, 1], &[1, 1], &[1, 0]),
        case(&[2, 4, 3, 5, 2], &[2, 3, 2, 2, 3], &[1, 2, 1], &[2, 1, 3], &[1, 1, 2], &[0, 1, 1]),
        case(&[2, 4, 3, 5, 6], &[1, 1, 1, 3, 4], &[4, 1, 3], &[1, 1, 1], &[0, 0, 0], &[0, 0, 0]),
        case(&[1, 3, 3, 200], &[1, 1, 200, 3], &[1, 1], &[1, 1], &[0, 0], &[0, 0]),
        // Larger than a block, a run and a chunk.
        case(&[1, 12, 12, 60], &[3, 3, 60, 10], &[1, 1], &[1, 1], &[1, 1], &[1, 1]),
        case(&[3, 20, 20, 4], &[3, 3, 4, 8], &[1, 1], &[1, 1], &[1, 1], &[1, 1]),
        case(&[3, 40, 30, 8], &[5, 5, 4, 8], &[2, 2], &[1, 1], &[2, 2], &[1, 2]),
        case(&[3, 20, 20, 34], &[3, 3, 1, 34], &[1, 1], &[1, 1], &[1, 1], &[1, 1]),
        // Nothing of `x` under some windows, and nothing at all.
        case(&[1, 2, 2], &[2, 2, 2], &[1], &[5], &[4], &[4]),
        case(&[0, 4, 4, 2], &[2, 2, 2, 3], &[1, 1], &[1, 1], &[0, 0], &[0, 0]),
        // No window at all.
        case(&[3, 4, 2], &[3, 2, 2], &[2], &[2], &[0], &[-1]),
        // Zeros taken away behind, as the transpose of an output padding does.
        case(&[1, 9, 3], &[3, 3, 2], &[3], &[1], &[1], &[-1]),
    ]
}

/// The result of `sum over (y position, filter position, x position) of two of them`, into the third.
fn expected(case: &Case, into: usize, operands: [&[f64]; 3]) -> Vec<f64> {
    let Case { x, filter, y, params } = case;
    let rank = x.len() - 2;
    let shapes = [x, filter, y];
    let mut sums = vec![0.0; shapes[into].iter().product()];
    let groups = x[rank + 1] / filter[rank];
    let per_group = filter[rank + 1] / groups;
    let offset = |shape: &[usize], index: &[usize]| shape.iter().zip(index).fold(0, |at, (&len, &i)| at * len + i);
    for out in indices(y) {
        'taps: for tap in indices(&filter[..rank + 1]) {
            let mut at = vec![out[0]];
            for axis in 0..rank {
                let place = out[axis + 1] as i64 * params[axis] + tap[axis] as i64 * params[rank + axis]
                    - params[2 * rank + axis];
                match usize::try_from(place).ok().filter(|&p| p < x[axis + 1]) {
                    Some(place) => at.push(place),
                    None => continue 'taps,
                }
            }
            at.push(out[rank + 1] / per_group * filter[rank] + tap[rank]);
            let places = [offset(x, &at), offset(filter, &[&tap[..], &[out[rank + 1]]].concat()), offset(y, &out)];
            let others: Vec<usize> = (0..3).filter(|&k| k != into).collect();
            sums[places[into]] += operands[others[0]][places[others[0]]] * operands[others[1]][places[others[1]]];
        }
    }
    sums
}

#[test]
fn all_three_against_the_definition() {
    for dtype in [DType::F32, DType::F64, DType::F16] {
        for (number, case) in cases().iter().enumerate() {
            if dtype == DType::F16 && case.x.iter().product::<usize>() > 2000 {
                continue; // Sums would not be exact.
            }
            let arrays = [operand(dtype, &case.x, 1), operand(dtype, &case.filter, 2), operand(dtype, &case.y, 3)];
            let numbers = arrays.each_ref().map(values);
            let numbers = numbers.each_ref().map(Vec::as_slice);
            let kernels =
                [("conv_backprop_input", 0, [2, 1]), ("conv_backprop_filter", 1, [0, 2]), ("convolution", 2, [0, 1])];
            for (kernel, into, operands) in kernels {
                let shapes = [&case.x, &case.filter, &case.y];
                let inputs = operands.map(|k| &arrays[k]);
                let result = run(kernel, &inputs, &[(dtype, shapes[into])], &case.params).remove(0);
                assert_eq!(values(&result), expected(case, into, numbers), "{kernel} {dtype}, case {number}");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let fractions = |shape: &[usize]| {
        let len: usize = shape.iter().product();
        Array::from_vec(shape, (0..len).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<f32>>()).unwrap()
    };
    for case in cases() {
        let [x, filter, y] = [&case.x, &case.filter, &case.y].map(|shape| fractions(shape));
        let all = || {
            [
                run("convolution", &[&x, &filter], &[(DType::F32, &case.y)], &case.params).remove(0),
                run("conv_backprop_input", &[&y, &filter], &[(DType::F32, &case.x)], &case.params).remove(0),
                run("conv_backprop_filter", &[&x, &y], &[(DType::F32, &case.filter)], &case.params).remove(0),
            ]
        };
        let (alone, shared) = (parallel::with_threads(1, all), parallel::with_threads(3, all));
        for (a, b) in alone.iter().zip(&shared) {
            assert_eq!(a.as_bytes(), b.as_bytes());
        }
    }
}

#[test]
fn every_row_gets_its_epilogue_when_it_is_final() {
    for case in cases() {
        let (x, filter) = (operand(DType::F32, &case.x, 1), operand(DType::F32, &case.filter, 2));
        let expected = run("convolution", &[&x, &filter], &[(DType::F32, &case.y)], &case.params).remove(0);
        let mut y = Array::zeros(DType::F32, &case.y).unwrap();
        let cols = case.y[case.y.len() - 1];
        let seen: Vec<AtomicUsize> = (0..y.len() / cols).map(|_| AtomicUsize::new(0)).collect();
        let view = ViewMut::of(&mut y).unwrap();
        let address = view.as_mut_ptr() as usize;
        let epilogue = |begin: i64, end: i64| {
            for (count, row) in seen.iter().zip(0..).take(end as usize).skip(begin as usize) {
                count.fetch_add(1, Ordering::Relaxed);
                // SAFETY: the row is final, and this call's own.
                let row_now = unsafe { std::slice::from_raw_parts((address as *const f32).add(row * cols), cols) };
                assert_eq!(row_now, &expected.as_slice::<f32>()[row * cols..][..cols]);
            }
        };
        let (inputs, outputs) = ([View::of(&x), View::of(&filter)], [view]);
        let mut cx = LibraryCx { inputs: &inputs, outputs: &outputs, params: &case.params, epilogue: Some(&epilogue) };
        (find("convolution").unwrap().run)(&mut cx).unwrap();
        assert!(seen.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}

#[test]
fn wrong_sizes_are_refused() {
    let (x, filter) = (operand(DType::F32, &[1, 4, 4, 2], 1), operand(DType::F32, &[2, 2, 2, 3], 2));
    let refused = |y: &[usize], params: &[i64]| {
        run_err("convolution", &[&x, &filter], &[(DType::F32, y)], params).message().to_owned()
    };
    assert!(refused(&[1, 3, 3, 3], &[0, 1, 1, 1, 0, 0]).contains("at least 1"));
    assert!(refused(&[1, 3, 3, 4], &[1, 1, 1, 1, 0, 0]).contains("differ"));
    assert!(refused(&[1, 3, 3, 3], &[1, 1, 1, 1, 0]).contains("ranks"));
    assert!(refused(&[1, 3, 3, 3], &[1, 1, 1, 1, 0, i64::MIN + 1]).contains("less than 2^31"));
    let thin = operand(DType::F32, &[2, 2, 0, 3], 2);
    let error = run_err("convolution", &[&x, &thin], &[(DType::F32, &[1, 3, 3, 3])], &[1, 1, 1, 1, 0, 0]);
    assert!(error.message().contains("no multiple"), "{error}");
    let ints = [x.cast(DType::I32).unwrap(), filter.cast(DType::I32).unwrap()];
    let error = run_err("convolution", &[&ints[0], &ints[1]], &[(DType::I32, &[1, 3, 3, 3])], &[1, 1, 1, 1, 0, 0]);
    assert!(error.message().contains("no convolution of i32"), "{error}");
}
