#pragma once

// Every layer and apply(), for programs that define networks of their own.

#include "layers/activations.h"
#include "layers/apply.h"
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/conv3d.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/identity.h"
#include "layers/linear.h"
#include "layers/pooling.h"
#include "layers/relu.h"
#include "layers/sequential.h"
#include "layers/summary.h"
