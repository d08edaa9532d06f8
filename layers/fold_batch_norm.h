#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/ops/conv2d/conv2d.h"
#include "layers/module.h"

namespace fanin {

/// A network as the flat list of what it executes in evaluation, made by fold_batch_norm(). State-dict names are those
/// of the layers it was made from: `weight` and `bias` of every convolution and linear layer, no batch norm.
/// It cannot be trained: its parameters want no gradients.
class FoldedNet final : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "FoldedNet"; }

  /// One operator. Values are numbered: 0 is the network's input, i + 1 what step i gives.
  struct Step {
    struct Input {
      std::size_t value;
      bool last = false;  // no later step wants it: its bytes are free to be written
    };
    using Run = std::function<Tensor(const Step&, Tensors inputs)>;

    std::string path = {};  // of the layer whose weights these are
    Tensor weight = {}, bias = {};
    Conv2dOptions options = {};  // of a convolution; its second input, if it has one, is the addend
    std::vector<Input> inputs = {};
    Run run = {};
  };

 private:
  friend std::unique_ptr<FoldedNet> fold_batch_norm(Module& net, const Shape& image, DType dtype);
  DType dtype_ = DType::f32;
  std::vector<Step> steps_;
};

/// `net` for inference: runs it once in evaluation mode, reads from the trace what it executed, and folds each batch
/// norm into the convolution before it,
///
///   weight ← weight · s,   bias ← (bias − running_mean) · s + beta,   s = gamma / √(running_var + eps) a channel,
///
/// computed in f64 and rounded once. A ReLU, or the sum with a shortcut and its ReLU, become the convolution's tail.
/// Weights are copies: later changes of `net` are not seen.
///
/// image   [C, H, W] as the net takes them; the result takes batches of any size, and other images where the net does
/// dtype   f32, f64, or bf16: weights and activations in bf16, biases and sums in f32
///
/// Returns null where the net executes what this does not know (an operator outside of a layer, one layer run twice, a
/// batch norm behind no convolution, 3-D, …) or holds numbers that are not finite, which the fused ReLU would hide: use
/// the net itself then. Throws what the net throws on such images.
/// Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.2.
std::unique_ptr<FoldedNet> fold_batch_norm(Module& net, const Shape& image, DType dtype = DType::f32);

}  // namespace fanin
