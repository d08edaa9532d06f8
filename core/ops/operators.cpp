#include "core/ops/operators.h"

#include "core/ops/adaptive_avg_pool2d.h"
#include "core/ops/add.h"
#include "core/ops/add_relu.h"
#include "core/ops/batch_norm2d/batch_norm2d.h"
#include "core/ops/cast.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/dropout.h"
#include "core/ops/relu.h"
#include "core/ops/reshape.h"
#include "core/ops/softmax.h"

namespace fanin {

std::vector<OpInfo> operators() {
  return {
      adaptive_avg_pool2d_info(),
      add_info(),
      add_relu_info(),
      batch_norm2d_info(),
      cast_info(),
      conv2d_info(),
      dropout_info(),
      log_softmax_info(),
      relu_info(),
      reshape_info(),
      softmax_info(),
  };
}

}  // namespace fanin
