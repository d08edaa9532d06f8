#include <cmath>

#include "core/ops/batch_norm2d/kernels.h"
#include "core/threads.h"

// The definition as loops over one channel at a time, sums in double. Slow and plain on purpose.

namespace fanin::reference {

namespace {

bool supports(const Shape&, DType, Layout) { return true; }

DType parameters_of(DType x) { return x == DType::f64 ? DType::f64 : DType::f32; }

/// Calls f(offset) for every element of channel c of a plain tensor.
template <class F>
void for_each(const Shape& shape, Dim c, F&& f) {
  const Dim S = shape.numel_from(2);
  for (Dim n = 0; n < shape[0]; ++n)
    for (Dim s = 0; s < S; ++s) f((n * shape[1] + c) * S + s);
}

template <class P>
Tensor normalise(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias,
                 double eps, bool relu) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    const T* in = x.data<T>().data();
    T* out = y.mutable_data<T>().data();
    parallel_for(x.dim(1), grain_for(x.dim(0) * x.shape().numel_from(2)), [&](Dim begin, Dim end) {
      for (Dim c = begin; c < end; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const double scale =
            static_cast<double>(weight.data<P>()[at]) / std::sqrt(static_cast<double>(variance.data<P>()[at]) + eps);
        const auto centre = static_cast<double>(mean.data<P>()[at]);
        const auto shift = static_cast<double>(bias.data<P>()[at]);
        for_each(x.shape(), c, [&](Dim i) {
          const double v = (static_cast<double>(in[i]) - centre) * scale + shift;
          out[i] = static_cast<T>(relu && v < 0 ? 0.0 : v);
        });
      }
    });
  });
  return y;
}

template <class P>
void statistics(const Tensor& x, Tensor& mean, Tensor& variance) {
  const auto n = static_cast<double>(x.dim(0) * x.shape().numel_from(2));
  dispatch(x.dtype(), [&]<class T>() {
    const T* in = x.data<T>().data();
    P* m = mean.mutable_data<P>().data();
    P* v = variance.mutable_data<P>().data();
    parallel_for(x.dim(1), grain_for(x.dim(0) * x.shape().numel_from(2)), [&](Dim begin, Dim end) {
      for (Dim c = begin; c < end; ++c) {
        double sum = 0;
        for_each(x.shape(), c, [&](Dim i) { sum += static_cast<double>(in[i]); });
        const double centre = sum / n;
        double squares = 0;
        for_each(x.shape(), c, [&](Dim i) { squares += std::pow(static_cast<double>(in[i]) - centre, 2); });
        m[c] = static_cast<P>(centre);
        v[c] = static_cast<P>(squares / n);
      }
    });
  });
}

/// With x̂ = (x − mean)·σ⁻¹:  db = Σ dy,  dw = Σ dy·x̂,
/// dx = w·σ⁻¹·(dy − db/n − x̂·dw/n) through the statistics, w·σ⁻¹·dy without.
template <class P>
BatchNorm2dGradients gradients(const Tensor& dy, const Tensor& x, const BatchNorm2dSaved& saved, bool through) {
  const Shape vector{x.dim(1)};
  BatchNorm2dGradients d{
      Tensor::empty(x.shape(), x.dtype()), Tensor::empty(vector, dtype_of<P>), Tensor::empty(vector, dtype_of<P>), {}};
  const auto n = static_cast<double>(x.dim(0) * x.shape().numel_from(2));
  dispatch(x.dtype(), [&]<class T>() {
    const T* in = x.data<T>().data();
    const T* dout = dy.data<T>().data();
    T* din = d.dx.mutable_data<T>().data();
    P* dweight = d.dweight.mutable_data<P>().data();
    P* dbias = d.dbias.mutable_data<P>().data();
    parallel_for(x.dim(1), grain_for(x.dim(0) * x.shape().numel_from(2)), [&](Dim begin, Dim end) {
      for (Dim c = begin; c < end; ++c) {
        const auto at = static_cast<std::size_t>(c);
        const double inverse = 1 / std::sqrt(static_cast<double>(saved.variance.data<P>()[at]) + saved.eps);
        const auto centre = static_cast<double>(saved.mean.data<P>()[at]);
        const auto w = static_cast<double>(saved.weight.data<P>()[at]);
        const auto b = static_cast<double>(saved.bias.data<P>()[at]);
        const auto normal = [&](Dim i) { return (static_cast<double>(in[i]) - centre) * inverse; };
        const auto incoming = [&](Dim i) {
          return saved.relu && !(normal(i) * w + b > 0) ? 0.0 : static_cast<double>(dout[i]);
        };
        double db = 0;
        double dw = 0;
        for_each(x.shape(), c, [&](Dim i) {
          db += incoming(i);
          dw += incoming(i) * normal(i);
        });
        for_each(x.shape(), c, [&](Dim i) {
          const double through_statistics = through ? (db + normal(i) * dw) / n : 0.0;
          din[i] = static_cast<T>(w * inverse * (incoming(i) - through_statistics));
        });
        dbias[c] = static_cast<P>(db);
        dweight[c] = static_cast<P>(dw);
      }
    });
  });
  return d;
}

template <class F>
auto with_parameters(DType x, F&& f) {
  return parameters_of(x) == DType::f64 ? f.template operator()<double>() : f.template operator()<float>();
}

BatchNorm2dResult training(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                           const BatchNorm2dTail& tail) {
  const Tensor in = x.plain();
  const Shape vector{x.dim(1)};
  BatchNorm2dResult result{
      {}, Tensor::empty(vector, parameters_of(x.dtype())), Tensor::empty(vector, parameters_of(x.dtype())), {}};
  with_parameters(x.dtype(), [&]<class P>() {
    statistics<P>(in, result.mean, result.variance);
    result.y = normalise<P>(in, result.mean, result.variance, weight, bias, eps, tail.relu);
  });
  return result;
}

Tensor evaluation(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& weight, const Tensor& bias,
                  double eps, const BatchNorm2dTail& tail) {
  return with_parameters(
      x.dtype(), [&]<class P>() { return normalise<P>(x.plain(), mean, variance, weight, bias, eps, tail.relu); });
}

BatchNorm2dGradients backward(Tensor dy, Tensor /*more*/, const BatchNorm2dSaved& saved, bool through_statistics) {
  return with_parameters(
      saved.x.dtype(), [&]<class P>() { return gradients<P>(dy.plain(), saved.x.plain(), saved, through_statistics); });
}

}  // namespace

const BatchNorm2dKernels batch_norm2d{Backend::reference, supports, training, evaluation, backward, {.repeat = true}};

}  // namespace fanin::reference
