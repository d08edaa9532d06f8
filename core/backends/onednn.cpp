#include "core/backends/onednn.h"

#include "core/autocast.h"
#include "core/threads.h"

namespace fanin::onednn {

namespace {

using Tag = dnnl::memory::format_tag;

dnnl::memory::data_type data_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return dnnl::memory::data_type::f32;
    case DType::bf16: return dnnl::memory::data_type::bf16;
    case DType::u8: return dnnl::memory::data_type::u8;
    default: fail<DTypeError>("oneDNN has no kernels for ", dtype);
  }
}

/// oneDNN numbers instruction sets by bits: a set includes another if it has all of its bits.
bool isa_has(dnnl::cpu_isa wanted) {
  static const auto effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  return (effective & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
}

Dims dims_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

Dims strides_channels_last(const Shape& shape) {
  Dims strides(static_cast<std::size_t>(shape.rank()));
  Dim step = shape[1];
  for (int i = shape.rank() - 1; i >= 2; --i) {
    strides[static_cast<std::size_t>(i)] = step;
    step *= shape[i];
  }
  strides[1] = 1;
  strides[0] = step;
  return strides;
}

Tag blocked_tag(int rank, Dim block) {
  const bool wide = block == 16;
  switch (rank) {
    case 3: return wide ? Tag::nCw16c : Tag::nCw8c;
    case 4: return wide ? Tag::nChw16c : Tag::nChw8c;
    case 5: return wide ? Tag::nCdhw16c : Tag::nCdhw8c;
    default: fail("oneDNN: no blocked layout for rank ", rank);
  }
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

bool supports(DType dtype) {
  switch (dtype) {
    case DType::f32: return isa_has(dnnl::cpu_isa::avx2);
    case DType::bf16: return isa_has(dnnl::cpu_isa::avx512_core_bf16);
    default: return false;
  }
}

bool prefers_channels_last(DType dtype) { return dtype == DType::bf16 && isa_has(dnnl::cpu_isa::avx512_core_amx); }

Layout preferred_layout(DType dtype, const Shape& shape) {
  if (shape.rank() < 3) return Layout::plain();
  if (prefers_channels_last(dtype)) return Layout::channels_last(shape);
  return Layout::channel_blocked(isa_has(dnnl::cpu_isa::avx512_core) ? 16 : 8);
}

Shape whole_blocks(Shape shape, Layout layout) {
  shape[1] = layout.blocks(shape) * layout.block;
  return shape;
}

Desc describe(const Shape& shape, DType dtype, Layout layout) {
  const Dims dims = dims_of(shape);
  const bool spatial = shape.rank() > 2;
  const bool last = spatial && layout == Layout::channels_last(shape);
  // One channel is plain, and 8 or 16 in one block are channels-last, too: the name decides which kernels oneDNN has.
  if (last && (prefers_channels_last(dtype) || (layout.block != 1 && layout.block != 8 && layout.block != 16)))
    return {dims, data_type(dtype), strides_channels_last(shape)};
  if (layout.is_plain()) return row_major(dims, dtype);
  check(layout.block == 8 || layout.block == 16, "oneDNN has no layout ", layout, " for ", shape);
  return {dims, data_type(dtype), blocked_tag(shape.rank(), layout.block)};
}

Desc any_order(const Dims& dims, DType dtype) { return {dims, data_type(dtype), Tag::any}; }

Desc row_major(const Dims& dims, DType dtype) {
  static constexpr Tag tags[] = {Tag::a, Tag::ab, Tag::abc, Tag::abcd, Tag::abcde, Tag::abcdef};
  check(!dims.empty() && dims.size() <= std::size(tags), "oneDNN: rank must be 1 to 6, got ", dims.size());
  return {dims, data_type(dtype), tags[dims.size() - 1]};
}

Desc matrix(Dim rows, Dim columns, bool transposed, DType dtype) {
  return {{rows, columns}, data_type(dtype), transposed ? Tag::ba : Tag::ab};
}

dnnl::memory input(const Desc& desc, const Tensor& tensor) {
  return {desc, engine(), const_cast<std::byte*>(tensor.raw_bytes())};  // oneDNN's handles are never const
}

dnnl::memory output(const Desc& desc, Tensor& tensor) { return {desc, engine(), tensor.mutable_raw_bytes()}; }

Tensor buffer(const Desc& desc) { return Tensor::empty({static_cast<Dim>(desc.get_size())}, DType::u8); }

void Primitive::run(Arguments arguments) const {
  Tensor scratch;
  if (scratch_.get_size() > 0) {
    scratch = buffer(scratch_);
    arguments.insert_or_assign(DNNL_ARG_SCRATCHPAD, output(scratch_, scratch));
  }
  primitive_.execute(stream(), arguments);
  stream().wait();
}

Primitive make_reorder(const Desc& from, const Desc& to) {
  const dnnl::reorder::primitive_desc desc(engine(), from, engine(), to, attributes());
  return {dnnl::reorder(desc), desc};
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr result;
  result.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return result;
}

dnnl::primitive_attr attributes_with(bool add, bool relu) {
  dnnl::post_ops tail;
  if (add) tail.append_sum(1.0F);
#if DNNL_VERSION_MAJOR >= 3
  if (relu) tail.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#else
  if (relu) tail.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
  dnnl::primitive_attr result = attributes();
  result.set_post_ops(tail);
  return result;
}

namespace {

dnnl::normalization_flags batch_norm_flags(bool relu) {
  using Flags = dnnl::normalization_flags;
  const Flags both = Flags::use_scale | Flags::use_shift;
  return relu ? both | Flags::fuse_norm_relu : both;
}

}  // namespace

dnnl::batch_normalization_forward::primitive_desc describe_batch_norm(const Desc& data, float eps, bool relu) {
  const auto training = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return describe_forward<dnnl::batch_normalization_forward>(training, data, data, eps, batch_norm_flags(relu));
#else
  return describe_forward<dnnl::batch_normalization_forward>(training, data, eps, batch_norm_flags(relu));
#endif
}

dnnl::batch_normalization_backward::primitive_desc describe_batch_norm_backward(
    const Desc& data, float eps, bool relu, const dnnl::batch_normalization_forward::primitive_desc& forward) {
  using P = dnnl::batch_normalization_backward;
  const auto kind = dnnl::prop_kind::backward;
#if DNNL_VERSION_MAJOR >= 3
  return describe_backward<P>(forward, kind, data, data, data, eps, batch_norm_flags(relu));
#else
  return describe_backward<P>(forward, kind, data, data, eps, batch_norm_flags(relu));
#endif
}

}  // namespace fanin::onednn

namespace fanin {
bool multiplies_bf16() { return onednn::supports(DType::bf16); }
}  // namespace fanin
