//! Traced functions: how often they are traced, what they share, what escapes, and that they equal their bodies.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use tl::prelude::*;
use tracelift as tl;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of one steady call.
fn allocations(call: impl Fn()) -> usize {
    (0..4).for_each(|_| call());
    let before = ALLOCATIONS.get();
    (0..10).for_each(|_| call());
    (ALLOCATIONS.get() - before).div_ceil(10)
}

#[test]
fn sizes_may_depend_on_data() {
    #[function]
    fn positive(x: &Tensor) -> (Tensor, Tensor, Tensor) {
        let tape = GradientTape::new();
        tape.watch(x);
        let kept = tl::boolean_mask(x, x.greater(0.0));
        let loss = tl::reduce_mean(tl::square(&kept));
        let gradient = tape.gradient(&loss, x);
        (kept * 2.0, loss, gradient)
    }
    for values in [vec![1.0f32, -2.0, 3.0, 0.0], vec![1.0; 7], vec![-1.0, 4.0]] {
        let x = Tensor::from(values.clone());
        let (kept, loss, gradient) = positive(&x);
        let expected: Vec<f32> = values.iter().filter(|v| **v > 0.0).map(|v| 2.0 * v).collect();
        assert_eq!(kept.to_vec::<f32>(), expected);
        let (eager_kept, eager_loss, eager_gradient) = positive::eager(&x);
        tl::testing::assert_all_close(&kept, &eager_kept);
        tl::testing::assert_all_close(&loss, &eager_loss);
        tl::testing::assert_all_close(&gradient, &eager_gradient);
    }
    assert!(positive::trace_count() <= 2, "{}", positive::trace_count());

    #[function]
    fn count(x: &Tensor) -> Tensor {
        tl::reduce_sum(tl::boolean_mask(x, x.greater(0.0)))
    }
    let x = Tensor::from(vec![1.0f32, -2.0, 3.0]);
    let of_count = allocations(|| drop(count(&x)));
    assert!(of_count <= 1, "{of_count}");
}

#[test]
fn a_steady_call_allocates_its_results_alone() {
    #[function]
    fn nothing(_x: &Tensor) {}
    #[function]
    fn step(x: &Tensor, y: &Tensor, m: &Variable, b: &Variable) -> Tensor {
        let tape = GradientTape::new();
        let loss = tl::reduce_mean(tl::square(m * x + b - y));
        let [dm, db] = tape.gradient(&loss, &[m, b]);
        m.assign_sub(0.05 * dm);
        b.assign_sub(0.05 * db);
        loss
    }
    let (x, m, b) = (tl::ones(&[100]), Variable::new(0.0), Variable::new(0.0));
    assert_eq!(allocations(|| nothing(&x)), 0);
    // The handle of the loss; its elements come from the pool.
    let of_step = allocations(|| drop(step(&x, &x, &m, &b)));
    assert!(of_step <= 1, "{of_step}");
}

#[test]
fn traced_equals_eager() {
    #[function]
    fn f(x: &Tensor, y: &Tensor) -> (Tensor, Vec<Tensor>) {
        let s = x * y + 1.0;
        (tl::tanh(&s), vec![s.sum(), x.clone()])
    }
    let (x, y) = (constant([[1.0, 2.0], [3.0, 4.0]]), constant([0.5, -0.5]));
    let (traced, parts) = f(&x, &y);
    let (eager, eager_parts) = f::eager(&x, &y);
    assert_eq!(traced, eager);
    assert_eq!(parts[0], eager_parts[0]);
    assert_eq!(parts[1], x);
    f(&x, &y);
    assert_eq!((f::trace_count(), f::compile_count()), (1, 1));
}

#[test]
fn engines_agree() {
    use tl::config::{Backend, with_backend};
    #[function]
    fn f(x: &Tensor, v: &Variable) -> Tensor {
        v.assign_add(tl::reduce_sum(x));
        tl::softmax(x * v)
    }
    let (x, v) = (constant([[1.0, 2.0], [3.0, 4.0]]), Variable::new(0.5));
    let compiled = f(&x, &v);
    v.assign(0.5);
    let interpreted = with_backend(Backend::Interpreter, || f(&x, &v));
    tl::testing::assert_all_close(compiled, interpreted);
    assert_eq!((v.value().item(), f::trace_count()), (10.5, 2));
}

#[test]
fn a_second_size_generalises_and_later_ones_reuse_it() {
    #[function]
    fn f(x: &Tensor, y: &Tensor) -> Tensor {
        tl::reduce_sum(x * y + 1.0)
    }
    for n in [4, 7, 1, 9, 4] {
        let x = tl::ones(&[n, 3]);
        assert_eq!(f(&x, &x), 6.0 * n as f64);
    }
    assert_eq!(f::trace_count(), 2);
    assert!(f::explain().contains("f32[n0, 3]"), "{}", f::explain());
}

#[test]
fn a_body_that_needs_sizes_is_traced_for_each() {
    #[function]
    fn f(x: &Tensor) -> Tensor {
        x * x.shape()[0] as f64
    }
    for n in [2, 3, 4, 2] {
        assert_eq!(f(&tl::ones(&[n])).to_vec::<f32>(), vec![n as f32; n]);
    }
    assert_eq!(f::trace_count(), 3);
    assert!(f::explain().contains("one trace for each size"), "{}", f::explain());
}

#[test]
fn an_input_signature_asks_for_symbolic_sizes_at_once() {
    #[function(input_signature = [F32[None, 2]])]
    fn f(x: &Tensor) -> Tensor {
        x.sum()
    }
    for n in [1, 5, 3] {
        assert_eq!(f(&tl::ones(&[n, 2])), 2.0 * n as f64);
    }
    assert_eq!(f::trace_count(), 1);
    let error = f::try_call(&tl::ones(&[2, 3])).unwrap_err().to_string();
    assert!(error.contains("input_signature says f32[None, 2]"), "{error}");
}

#[test]
fn a_retrace_names_the_argument() {
    #[function]
    fn step(x: &Tensor, lr: f32) -> Tensor {
        x * lr
    }
    step(&constant(1.0), 0.5);
    assert_eq!(step(&constant(1.0), 0.25), 0.25);
    assert_eq!(step::trace_count(), 2);
    let text = step::explain();
    assert!(text.contains("`lr`: another static value"), "{text}");
    step(&constant([1.0]), 0.5);
    assert!(step::explain().contains("`x`: tensors were f32[], are f32[1]"), "{}", step::explain());
    step::clear();
    assert_eq!(step::trace_count(), 0);
}

#[test]
fn variables_are_state_and_keep_program_order() {
    #[function]
    fn f(v: &Variable) -> (Tensor, Tensor) {
        let before = v.value();
        v.assign_add(1.0);
        v.assign(v.value() * 2.0);
        (before, v.value())
    }
    let v = Variable::new(3.0);
    let (before, after) = f(&v);
    assert_eq!((before.item(), after.item(), v.value().item()), (3.0, 8.0, 8.0));
    f(&v);
    assert_eq!(v.value(), 18.0);
    assert_eq!(f::trace_count(), 1);
    let other = Variable::new(0.0);
    f(&other);
    assert_eq!((other.value().item(), v.value().item(), f::trace_count()), (2.0, 18.0, 1));
}

#[test]
fn snapshots_survive_donation() {
    #[function]
    fn f(v: &Variable) {
        v.assign_add(1.0);
    }
    let v = Variable::new(vec![1.0; 100]);
    let before = v.value();
    f(&v);
    f(&v);
    assert_eq!((before.to_vec::<f32>()[99], v.value().to_vec::<f32>()[99]), (1.0, 3.0));
}

#[test]
fn the_same_variable_twice_is_another_trace() {
    #[function]
    fn f(a: &Variable, b: &Variable) -> Tensor {
        a.assign(1.0);
        b.assign(2.0);
        a.value() + b.value()
    }
    let (a, b) = (Variable::new(0.0), Variable::new(0.0));
    assert_eq!(f(&a, &b), 3.0);
    assert_eq!(f(&a, &a), 4.0);
    assert_eq!(f(&b, &a), 3.0);
    assert_eq!(f::trace_count(), 2);
}

#[test]
fn captures_are_read_at_each_call_or_fixed() {
    let v = Variable::new(2.0);
    let large = tl::ones(&[20]) * 3.0;
    let small = constant(5.0);
    let (w, captured) = (v.clone(), large.clone());
    let f = tl::function(move |x: &Tensor| x * &w + captured.sum() + &small);
    assert_eq!(f.call(&constant(1.0)), 67.0);
    v.assign(3.0);
    assert_eq!(f.call(&constant(1.0)), 68.0);
    assert_eq!(f.trace_count(), 1);
}

#[test]
fn variables_made_inside_are_made_once() {
    #[function]
    fn counted(x: &Tensor) -> Tensor {
        let count = Variable::new(tl::zeros(&[2]) + 1.0);
        count.assign_add(x);
        count.value()
    }
    assert_eq!(counted(&constant(1.0)).to_vec::<f32>(), [2.0, 2.0]);
    assert_eq!(counted(&constant(1.0)).to_vec::<f32>(), [3.0, 3.0]);
    // Another dtype would be another trace of the same variable; another static structure too.
    assert_eq!(counted(&constant([1.0, 2.0])).to_vec::<f32>(), [4.0, 5.0]);
    assert_eq!(counted::trace_count(), 2);
}

#[test]
fn a_symbolic_tensor_that_escapes_names_its_birth() {
    static ESCAPED: Mutex<Option<Tensor>> = Mutex::new(None);
    #[function]
    fn f(x: &Tensor) -> Tensor {
        let y = x + 1.0;
        *ESCAPED.lock().unwrap() = Some(y.clone());
        y
    }
    f(&constant(1.0));
    let escaped = ESCAPED.lock().unwrap().take().unwrap();
    for error in [
        Tensor::try_add(&escaped, 1.0).map(drop).unwrap_err(),
        escaped.try_item().map(drop).unwrap_err(),
        f::try_call(&escaped).map(drop).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("tests/trace.rs:") && text.contains("outside that trace"), "{text}");
        assert_eq!(error.kind(), tl::Kind::Tracer);
    }
}

#[test]
fn values_are_not_there_while_tracing() {
    #[function]
    fn by_item(x: &Tensor) -> Tensor {
        x * x.item()
    }
    #[function]
    fn by_comparison(x: &Tensor) -> Tensor {
        if x.sum() > 1.0 { x.clone() } else { -x }
    }
    for error in [by_item::try_call(&constant(1.0)), by_comparison::try_call(&constant(1.0))] {
        let text = error.map(drop).unwrap_err().to_string();
        assert!(text.contains("has no value while") && text.contains("hint:"), "{text}");
    }
}

#[test]
fn errors_and_panics_drop_the_half_done_trace() {
    #[function]
    fn f(x: &Tensor, fail: bool) -> tl::Result<Tensor> {
        let y = x + 1.0;
        if fail {
            y.try_reshape(&[7])?;
        }
        Ok(y)
    }
    #[function]
    fn g(x: &Tensor, fail: bool) -> Tensor {
        assert!(!fail, "told to");
        x + 1.0
    }
    assert!(f(&constant(1.0), true).is_err());
    assert_eq!(f(&constant(1.0), false).unwrap(), 2.0);
    assert!(std::panic::catch_unwind(|| g(&constant(1.0), true)).is_err());
    assert_eq!(constant(1.0) + 1.0, 2.0);
    assert_eq!(g(&constant(1.0), false), 2.0);
    assert_eq!((f::trace_count(), g::trace_count()), (1, 1));
}

#[test]
fn nested_functions_are_inlined() {
    #[function]
    fn inner(x: &Tensor) -> Tensor {
        x * 2.0
    }
    #[function]
    fn outer(x: &Tensor) -> Tensor {
        inner(x) + inner(&inner(x))
    }
    assert_eq!(outer(&constant(1.0)), 6.0);
    assert_eq!((outer::trace_count(), inner::trace_count()), (1, 0));
}

#[test]
fn gradients_inside_and_around() {
    #[function]
    fn loss(w: &Variable, x: &Tensor) -> Tensor {
        tl::reduce_sum(tl::square(w * x))
    }
    #[function]
    fn gradient(w: &Variable, x: &Tensor) -> Tensor {
        let tape = GradientTape::new();
        let y = loss(w, x);
        tape.gradient(&y, w)
    }
    let (w, x) = (Variable::new(2.0), constant([1.0, 3.0]));
    assert_eq!(gradient(&w, &x), 40.0);
    let tape = GradientTape::new();
    let y = loss(&w, &x);
    assert_eq!(y, 40.0);
    assert_eq!(tape.gradient(&y, &w), 40.0);
}

#[test]
fn arguments_of_every_kind() {
    #[derive(Tree, Clone)]
    struct Batch {
        x: Tensor,
        scale: f32,
        #[tree(static)]
        tag: (u8, u8),
    }
    #[derive(Tree, Clone, Copy, PartialEq)]
    enum Kind {
        Plus,
        Minus,
    }
    #[function]
    fn f(b: &Batch, more: &[Tensor], extra: Option<&Tensor>, kind: Kind, name: &str, by: tl::Static<u8>) -> Tensor {
        let mut y = &b.x * b.scale + b.tag.0 as f64;
        for t in more {
            y += t;
        }
        if let Some(e) = extra {
            y *= e;
        }
        let y = if kind == Kind::Plus { y } else { -y };
        y + (name.len() + *by as usize) as f64
    }
    let batch = Batch { x: constant(2.0), scale: 3.0, tag: (1, 0) };
    let more = [constant(10.0), constant(20.0)];
    assert_eq!(f(&batch, &more, None, Kind::Plus, "ab", tl::Static(1)), 40.0);
    assert_eq!(f(&batch, &more, Some(&constant(2.0)), Kind::Plus, "ab", tl::Static(1)), 77.0);
    assert_eq!(f(&batch, &more, None, Kind::Minus, "ab", tl::Static(1)), -34.0);
    assert_eq!(f(&batch, &more[..1], None, Kind::Plus, "ab", tl::Static(1)), 20.0);
    assert_eq!(f(&batch, &more, None, Kind::Plus, "abc", tl::Static(1)), 41.0);
    assert_eq!(f(&batch, &more, None, Kind::Plus, "ab", tl::Static(2)), 41.0);
    assert_eq!(f::trace_count(), 6);
    f(&batch.clone(), &more.clone(), None, Kind::Plus, "ab", tl::Static(1));
    assert_eq!(f::trace_count(), 6);
}

#[test]
fn many_threads_share_one_trace() {
    #[function]
    fn f(v: &Variable, x: &Tensor) -> Tensor {
        v.assign_add(1.0);
        x * 2.0
    }
    let v = Variable::new(0.0);
    std::thread::scope(|s| {
        for k in 0..4 {
            let v = &v;
            s.spawn(move || {
                for i in 0..25 {
                    assert_eq!(f(v, &constant((k * i) as f32)), (2 * k * i) as f64);
                }
            });
        }
    });
    assert_eq!((v.value().item(), f::trace_count()), (100.0, 1));
}

#[test]
fn a_tensor_in_an_object_is_an_input() {
    #[derive(Layer)]
    struct Table {
        values: Tensor,
    }
    impl Table {
        #[function]
        fn scaled(&self, x: &Tensor) -> Tensor {
            &self.values * x
        }
        #[function]
        fn peeks(&self) -> Tensor {
            &self.values * self.values.item()
        }
    }
    assert_eq!(Table { values: constant(2.0) }.scaled(&constant(3.0)), 6.0);
    let (y, report) = tl::explain(|| Table { values: constant(5.0) }.scaled(&constant(3.0)));
    assert_eq!(y, 15.0);
    assert!(report.to_string().contains("scaled (1 calls)"), "{report}");
    assert!(tl::attempt(|| Table { values: constant(1.0) }.peeks()).is_err());
}

#[test]
fn generic_functions_keep_types_apart() {
    #[function]
    fn total<T: Tree + Clone + AsRef<[Tensor]>>(x: &T) -> Tensor {
        x.as_ref().iter().fold(constant(0.0), |sum, t| sum + t)
    }
    assert_eq!(total(&vec![constant(1.0), constant(2.0)]), 3.0);
    assert_eq!(total(&[constant(1.0), constant(2.0)]), 3.0);
    assert_eq!(total::trace_count(), 2);
}

#[test]
fn concrete_functions_show_their_graph() {
    #[function]
    fn f(x: &Tensor) -> Tensor {
        tl::exp(x) + 1.0
    }
    let concrete = f::concrete(&tl::zeros(&[2])).unwrap();
    assert!(concrete.graph().contains("exp"), "{}", concrete.graph());
    let timing = concrete.timing();
    assert!(timing.passes + timing.schedule + timing.codegen <= timing.compiling, "{timing:?}");
    assert_eq!(f::trace_count(), 1);
    f(&tl::zeros(&[2]));
    assert_eq!(f::trace_count(), 1);
}
