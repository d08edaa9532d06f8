#pragma once

#include <string_view>

#include "core/random.h"
#include "init/fan.h"

namespace fanin {

// torch.nn.init, by its names: every function fills a tensor in place, outside autograd, and draws from the generator
// what PyTorch draws. Tensors are f32 or f64; bf16 is drawn in f32 and rounded.

/// U[a, b).
void uniform(Tensor& t, Generator& generator, double a = 0, double b = 1);
/// N(mean, std²).
void normal(Tensor& t, Generator& generator, double mean = 0, double std = 1);
/// Every element the same.
void constant(Tensor& t, double value);
void ones(Tensor& t);
void zeros(Tensor& t);

struct XavierOptions {
  double gain = 1;
  /// Divides fan_out by the number of groups; 1 is PyTorch's convention (see FanConvention).
  Dim groups = 1;
};
/// U(±√3·std), std = gain·√(2 / (fan_in + fan_out)). Throws ShapeError below 2 dimensions.
/// Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
void xavier_uniform(Tensor& t, Generator& generator, XavierOptions options = {});
/// N(0, std²) with the same std.
void xavier_normal(Tensor& t, Generator& generator, XavierOptions options = {});

struct KaimingOptions {
  double a = 0;  // negative slope, used by leaky_relu only
  FanMode mode = FanMode::fan_in;
  std::string_view nonlinearity = "leaky_relu";
  Dim groups = 1;  // as in XavierOptions
};
/// U(±√3·std), std = gain(nonlinearity, a) / √fan. Nothing happens to a tensor without elements.
/// Throws ShapeError below 2 dimensions, Error on a mode other than fan_in and fan_out.
/// Source: He et al. 2015, "Delving deep into rectifiers", section 2.2.
void kaiming_uniform(Tensor& t, Generator& generator, KaimingOptions options = {});
/// N(0, std²) with the same std.
void kaiming_normal(Tensor& t, Generator& generator, KaimingOptions options = {});

/// The standard deviations of the two families for given fans.
double xavier_std(const Fans& fans, double gain);
double kaiming_std(double fan, double gain);

/// Calls f(span<T>) on the elements, T being float or double; bf16 goes through a float buffer.
template <class F>
void fill_elements(Tensor& t, F&& f) {
  dispatch(t.dtype(), [&]<class T>() {
    if constexpr (std::is_same_v<T, bfloat16>) {
      std::vector<float> wide(static_cast<std::size_t>(t.numel()));
      f(std::span<float>(wide));
      const std::span<bfloat16> narrow = t.mutable_data<bfloat16>();
      for (std::size_t i = 0; i < wide.size(); ++i) narrow[i] = wide[i];
    } else {
      f(t.mutable_data<T>());
    }
  });
}

}  // namespace fanin
