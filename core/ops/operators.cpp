#include "core/ops/operators.h"

#include "core/ops/activations.h"
#include "core/ops/adaptive_avg_pool2d.h"
#include "core/ops/add.h"
#include "core/ops/add_relu.h"
#include "core/ops/arithmetic.h"
#include "core/ops/batch_norm2d/batch_norm2d.h"
#include "core/ops/cast.h"
#include "core/ops/cat.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/conv3d/conv3d.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/dropout.h"
#include "core/ops/linear.h"
#include "core/ops/matmul/matmul.h"
#include "core/ops/max_pool3d.h"
#include "core/ops/mse_loss.h"
#include "core/ops/pad.h"
#include "core/ops/permute.h"
#include "core/ops/pool2d/pool2d.h"
#include "core/ops/reduce.h"
#include "core/ops/relu.h"
#include "core/ops/reshape.h"
#include "core/ops/slice.h"
#include "core/ops/softmax.h"
#include "core/ops/unary.h"

namespace fanin {

std::vector<OpInfo> operators() {
  // clang-format off
  return {
      abs_info(),
      adaptive_avg_pool2d_info(),
      add_info(),
      add_relu_info(),
      avg_pool2d_info(),
      batch_norm2d_info(),
      cast_info(),
      cat_info(),
      clamp_info(),
      conv2d_info(),
      conv3d_info(),
      cross_entropy_info(),
      div_info(),
      dropout_info(),
      elu_info(),
      exp_info(),
      gelu_info(),
      leaky_relu_info(),
      linear_info(),
      log_info(),
      log_softmax_info(),
      matmul_info(),
      max_info(),
      max_pool2d_info(),
      max_pool3d_info(),
      mean_info(),
      mse_loss_info(),
      mul_info(),
      neg_info(),
      pad_info(),
      permute_info(),
      relu_info(),
      reshape_info(),
      selu_info(),
      sigmoid_info(),
      silu_info(),
      slice_info(),
      softmax_info(),
      sqrt_info(),
      sub_info(),
      sum_info(),
      tanh_info(),
  };
  // clang-format on
}

}  // namespace fanin
