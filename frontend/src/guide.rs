//! Small whole programs: what a first session with Tracelift looks like.
//!
//! # Linear regression
//!
//! ```
//! use tracelift as tl;
//! use tl::prelude::*;
//!
//! #[function]
//! fn train_step(x: &Tensor, y: &Tensor, m: &Variable, b: &Variable) -> Tensor {
//!     let tape = GradientTape::new();
//!     let loss = tl::reduce_mean(tl::square(m * x + b - y));
//!     let [dm, db] = tape.gradient(&loss, &[m, b]);
//!     m.assign_sub(0.05 * dm);
//!     b.assign_sub(0.05 * db);
//!     loss
//! }
//! fn main() {
//!     tl::random::set_seed(1);
//!     let x = tl::random::uniform(&[100]);
//!     let y = 0.1 * &x + 0.3 + 0.01 * tl::random::normal(&[100]);
//!     let (m, b) = (Variable::new(0.0), Variable::new(0.0));
//!     for _ in 0..200 { train_step(&x, &y, &m, &b); }
//!     assert_eq!(train_step::trace_count(), 1);
//!     println!("m = {}, b = {}", m.value(), b.value());
//! #   assert!((b.value().item() + 0.5 * m.value().item() - 0.35).abs() < 0.02);
//! }
//! ```
//!
//! # A model by derive, trained by a hand-written step
//!
//! ```
//! use tracelift as tl;
//! use tl::prelude::*;
//! use tl::{losses, optimizers::Adam};
//!
//! #[derive(Layer)]
//! struct Mlp { hidden: tl::Dense, dropout: tl::Dropout, out: tl::Dense }
//! impl Layer for Mlp {
//!     fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
//!         let h = self.hidden.call(x, mode);
//!         self.out.call(&self.dropout.call(&h, mode), mode)
//!     }
//! }
//! #[function]
//! fn step(model: &Mlp, opt: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
//!     let tape = GradientTape::new();
//!     let loss = losses::sparse_categorical_crossentropy(y, &model.call(x, Mode::Train));
//!     let vars = model.trainable_variables();
//!     opt.apply(&tape.gradient(&loss, &vars), &vars);
//!     loss
//! }
//! fn main() {
//!     let model = Mlp { hidden: tl::Dense::new(32).activation("relu"), dropout: tl::Dropout::new(0.2), out: tl::Dense::new(10) };
//!     let opt = Adam::new(1e-3);
//!     let (x, y) = (tl::random::normal(&[4, 64]), constant([3, 1, 4, 1]));
//!     for _ in 0..5 { step(&model, &opt, &x, &y); }
//! #   assert_eq!(step::trace_count(), 1);
//! }
//! ```
//!
//! # A method that returns a `Result` of a struct
//!
//! ```
//! use tracelift as tl;
//! use tl::prelude::*;
//!
//! #[derive(Tree, Clone)]
//! struct Stats { loss: Tensor, norm: Tensor }
//! #[derive(Layer)]
//! struct Trainer { scale: Variable }
//! impl Trainer {
//!     #[function]
//!     fn train_step(&self, x: &Tensor, y: &Tensor, weight: Option<&Tensor>) -> tl::Result<Stats> {
//!         let tape = GradientTape::new();
//!         let mut err = tl::square(x * &self.scale - y);
//!         if let Some(w) = weight { err *= w; }
//!         let loss = tl::reduce_mean(&err);
//!         let g = tape.try_gradient(&loss, &self.scale)?;
//!         let norm = tl::sqrt(tl::reduce_sum(tl::square(&g)));
//!         let g = tl::where_(norm.greater(1.0), &g / &norm, &g);
//!         self.scale.assign_sub(0.1 * g);
//!         Ok(Stats { loss, norm })
//!     }
//! }
//! fn main() -> tl::Result<()> {
//!     let t = Trainer { scale: Variable::new(1.0) };
//!     let s = t.train_step(&constant([1.0, 2.0]), &constant([2.0, 4.0]), None)?;
//!     println!("{} {}", s.loss, s.norm);
//! #   assert_eq!((s.loss.item(), s.norm.item()), (2.5, 5.0));
//! #   assert!((t.scale.value().item() - 1.1).abs() < 1e-6);
//!     Ok(())
//! }
//! ```
//!
//! # Derivatives as functions, and a gradient of one's own
//!
//! ```
//! use tracelift as tl;
//! use tl::prelude::*;
//!
//! fn log1pexp(x: &Tensor) -> Tensor {
//!     tl::custom_gradient(x, |x| {
//!         let e = tl::exp(x);
//!         (tl::log(1.0 + &e), move |dy| dy * (1.0 - 1.0 / (1.0 + &e)))
//!     })
//! }
//! fn main() {
//!     let f = |x: &Tensor| tl::sin(x) * x;
//!     let x = constant([1.0, 2.0, 3.0]);
//!     let second = tl::grad(tl::grad(f))(&constant(2.0));
//!     let jacobian = tl::jacobian(f)(&x);
//!     let hessian = tl::hessian(move |x| f(x).sum())(&x);
//!     let tape = GradientTape::new();
//!     tape.watch(&x);
//!     let y = f(&x);
//!     println!("{second} {jacobian} {hessian} {}", tape.jacobian(&y, &x));
//! #   assert!((hessian.at((1, 1)).item() - second.item()).abs() < 1e-5);
//!     assert_eq!(tl::grad(log1pexp)(&constant(100.0)), 1.0);
//! }
//! ```
//!
//! # Save a program, run it from four threads with the runtime alone
//!
//! ```
//! use tracelift as tl;
//! use tl::prelude::*;
//! use tracelift_runtime as rt; // the service depends on this crate only
//!
//! #[function]
//! fn score(x: &Tensor) -> Tensor { tl::tanh(x * 2.0 + 1.0) }
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     score(&tl::zeros(&[4]));
//!     let file = std::env::temp_dir().join("score.tlp");
//!     score::save(&file)?;
//!     let program = rt::Program::load(&file)?; // Send + Sync
//!     std::thread::scope(|s| {
//!         for _ in 0..4 {
//!             s.spawn(|| program.call(&[&rt::Array::from_slice(&[4], &[0.5f32; 4])]).map(|y| y[0].as_slice::<f32>().to_vec()));
//!         }
//!     });
//! #   let y = program.call(&[&rt::Array::from_slice(&[4], &[0.5f32; 4])])?;
//! #   assert!((y[0].as_slice::<f32>()[3] - 2f32.tanh()).abs() < 1e-6);
//!     Ok(())
//! }
//! ```
//!
//! # Inspect
//!
//! ```
//! use tracelift as tl;
//! use tl::prelude::*;
//!
//! #[function]
//! fn gelu_ish(x: &Tensor) -> Tensor { 0.5 * x * (1.0 + tl::tanh(0.8 * x)) }
//! fn main() {
//!     for n in [64, 65, 66] { gelu_ish(&tl::zeros(&[n])); }
//!     assert!(gelu_ish::trace_count() <= 2);
//!     println!("{}", gelu_ish::explain()); // traces, passes, groups, why not fused
//!     let (_y, report) = tl::explain(|| gelu_ish(&tl::zeros(&[64]))); // also for methods and closures
//!     println!("{report}");
//! }
//! ```

/// The programs in README.md are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
