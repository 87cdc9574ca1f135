//! Signals: TensorFlow's `tf.signal`. Transforms are over the last axes; signals are f32, spectra complex64.
//!
//! All are ops of the table, which are in the crate's root too. A program that uses them needs a runtime with feature
//! `fft`.
//!
//! ```
//! use tracelift as tl;
//! let x = tl::constant([1.0, 0.0, -1.0, 0.0]);
//! let spectrum = tl::signal::rfft(&x);
//! assert_eq!(spectrum.real(), tl::constant([0.0, 2.0, 0.0]));
//! assert_eq!(tl::signal::irfft(&spectrum), x);
//! ```

pub use crate::tensor::ops::{
    dct, dct_with, fft, fft2d, fft3d, fftnd, fftnd_with, fftshift, fftshift_with, frame, frame_with, hamming_window,
    hamming_window_with, hann_window, hann_window_with, idct, idct_with, ifft, ifft2d, ifft3d, ifftnd, ifftnd_with,
    ifftshift, ifftshift_with, inverse_mdct, inverse_mdct_with, inverse_stft, inverse_stft_window, inverse_stft_with,
    irfft, irfft_with, irfft2d, irfft2d_with, irfft3d, irfft3d_with, irfftnd, irfftnd_with,
    kaiser_bessel_derived_window, kaiser_bessel_derived_window_with, kaiser_window, kaiser_window_with,
    linear_to_mel_weight_matrix, linear_to_mel_weight_matrix_with, mdct, mdct_with, mfccs_from_log_mel_spectrograms,
    overlap_and_add, rfft, rfft_with, rfft2d, rfft2d_with, rfft3d, rfft3d_with, rfftnd, rfftnd_with, stft, stft_with,
    try_dct, try_fft, try_fft2d, try_fft3d, try_fftshift, try_frame, try_hamming_window, try_hann_window, try_idct,
    try_ifft, try_ifft2d, try_ifft3d, try_ifftshift, try_inverse_mdct, try_inverse_stft, try_irfft, try_irfft2d,
    try_irfft3d, try_mdct, try_overlap_and_add, try_rfft, try_rfft2d, try_rfft3d, try_stft, vorbis_window,
    vorbis_window_with,
};
