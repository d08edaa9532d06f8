#pragma once

#include <cstddef>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

#include "core/backends/layouts.h"
#include "core/recently_used.h"
#include "core/tensor.h"

/// The one door to oneDNN. Everything that differs between oneDNN 2.6 and 3.x is here, so that an operator's onednn.cpp
/// is written once. Engine, stream and caches belong to the calling thread: primitives run where they were made.
namespace fanin::onednn {

using Dims = dnnl::memory::dims;
using Desc = dnnl::memory::desc;

const dnnl::engine& engine();

/// Whether oneDNN has fast kernels for this dtype here: f32 from AVX2 on; bf16 where the machine multiplies it
/// (avx512_bf16 or AMX). Follows ONEDNN_MAX_CPU_ISA.
bool supports(DType dtype);

/// `shape` with its channels rounded up to whole blocks, which the layout holds anyway: oneDNN's fast kernels want
/// that, where zeros give zeros.
Shape whole_blocks(Shape shape, Layout layout);

/// A tensor's place in memory, as oneDNN describes it. Rank 1 to 5. The layout must be plain, blocked by 8 or 16, or
/// channels-last.
Desc describe(const Shape& shape, DType dtype, Layout layout = {});
/// oneDNN is to choose the order in memory.
Desc any_order(const Dims& dims, DType dtype);
/// Row-major.
Desc row_major(const Dims& dims, DType dtype);
/// A matrix that lies row-major or, `transposed`, column after column.
Desc matrix(Dim rows, Dim columns, bool transposed, DType dtype);

/// The bytes of `tensor`, seen as `desc`.
dnnl::memory input(const Desc& desc, const Tensor& tensor);
dnnl::memory output(const Desc& desc, Tensor& tensor);
/// Bytes for something only oneDNN reads, taken from the tensors' cache of blocks.
Tensor buffer(const Desc& desc);

/// Something oneDNN can execute, with the scratch memory it wants.
class Primitive final {
 public:
  using Arguments = std::unordered_map<int, dnnl::memory>;

  Primitive() = default;
  template <class PrimitiveDesc>
  Primitive(const dnnl::primitive& primitive, const PrimitiveDesc& desc)
      : primitive_(primitive), scratch_(desc.scratchpad_desc()) {}

  /// Runs on the calling thread and returns when the results are there.
  void run(Arguments arguments) const;

 private:
  dnnl::primitive primitive_;
  Desc scratch_;
};

/// Changes order and dtype.
Primitive make_reorder(const Desc& from, const Desc& to);

/// Attributes of every primitive: scratch memory comes from the caller, so that the library holds none.
dnnl::primitive_attr attributes();
/// The same with post-operations: the result is added to what lies in the destination, then goes through ReLU.
dnnl::primitive_attr attributes_with(bool add, bool relu);

/// Creates the descriptor of a forward primitive from the arguments that 2.6 gives to `P::desc` and 3.x to
/// `P::primitive_desc`.
template <class P, class... Arguments>
typename P::primitive_desc describe_forward_with(const dnnl::primitive_attr& attributes,
                                                 const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename P::primitive_desc(engine(), arguments..., attributes);
#else
  return typename P::primitive_desc(typename P::desc(arguments...), attributes, engine());
#endif
}
template <class P, class... Arguments>
typename P::primitive_desc describe_forward(const Arguments&... arguments) {
  return describe_forward_with<P>(attributes(), arguments...);
}

/// The same for a backward primitive, whose descriptor wants that of the forward one.
template <class P, class Forward, class... Arguments>
typename P::primitive_desc describe_backward(const Forward& forward, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename P::primitive_desc(engine(), arguments..., forward, attributes());
#else
  return typename P::primitive_desc(typename P::desc(arguments...), attributes(), engine(), forward);
#endif
}

#if DNNL_VERSION_MAJOR >= 3
using PoolingForward = dnnl::pooling_forward;
using PoolingBackward = dnnl::pooling_backward;
#else
using PoolingForward = dnnl::pooling_v2_forward;
using PoolingBackward = dnnl::pooling_v2_backward;
#endif

/// Batch normalization with scale and shift, in training, optionally with ReLU behind it. oneDNN 3 names source and
/// destination apart, and takes no shift in backward, 2.6 demands one.
dnnl::batch_normalization_forward::primitive_desc describe_batch_norm(const Desc& data, float eps, bool relu);
dnnl::batch_normalization_backward::primitive_desc describe_batch_norm_backward(
    const Desc& data, float eps, bool relu, const dnnl::batch_normalization_forward::primitive_desc& forward);
inline constexpr bool batch_norm_backward_wants_shift = DNNL_VERSION_MAJOR < 3;

/// Runs `body`; what oneDNN refuses is thrown as fanin's Error: "conv2d: oneDNN 2.6.3 says … ; " and `describe()`.
template <class Describe, class Body>
decltype(auto) translating(std::string_view op, const Describe& describe, const Body& body) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    fail<Error>(op, ": oneDNN ", DNNL_VERSION_MAJOR, ".", DNNL_VERSION_MINOR, ".", DNNL_VERSION_PATCH, " says \"",
                error.message, "\" (status ", static_cast<int>(error.status), ") for ", describe(),
                "; --backend blas does without oneDNN");
  }
}

}  // namespace fanin::onednn
