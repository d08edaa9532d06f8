#pragma once

#include <memory>
#include <string>

#include "core/io/safetensors.h"
#include "data/dataset.h"
#include "models/models.h"

namespace fanin {

/// What a weights file says about its model besides the tensors: enough to build it again and to show it images.
/// Whatever is unknown is empty or zero.
struct WeightsInfo {
  std::string model = {};
  ModelArguments arguments = {};
  std::vector<std::string> classes = {};
  Dim channels = 0;
  Dim image_size = 0;
  Normalisation normalisation = {};
  std::string data = {};             // what it was trained on, as --data had it
  double val_split = 0;              // and what was held out of it
  std::string val_fingerprint = {};  // of the images held out, in hexadecimal
  std::string seed = {};
  std::string init = {};  // rules it started from
  std::string step = {};  // optimiser steps taken
  bool folded = false;    // batch norm is folded into the convolutions: for eval and predict

  Metadata metadata() const;
  /// Throws FileError naming `path` if a field cannot be read.
  static WeightsInfo from(const Metadata& metadata, const std::string& path);
};

/// The fingerprint as files carry it, in hexadecimal.
std::string fingerprint_text(const Dataset& data);

struct WeightsFile {
  std::string path;  // of the file itself
  WeightsInfo info;
  StateDict tensors;
};

/// Reads a safetensors file, or those of a run folder: weights/best.safetensors, else weights/last.safetensors.
/// Throws FileError.
WeightsFile load_weights(const std::string& path);

/// Writes tensors with what `info` says of them and a hash of each (init/rules.h). Throws FileError.
void save_weights(const std::string& path, const StateDict& state, const WeightsInfo& info);

/// The model a weights file is for. `model` and `given`, where not empty, stand against what the file says.
ModelChoice choice_of(const WeightsFile& file, std::string_view model, const ModelArguments& given);

/// Copies the file's values into the model. Throws FileError that lists all names that are missing, unexpected or
/// misshapen, and says which model the file is for.
void fill(Module& net, const WeightsFile& file);

/// Throws FileError if batch norm is folded into the weights of `file`.
void refuse_folded(const WeightsFile& file);

/// The model of a weights file with its values in it, in evaluation mode. `model` and `given`, where not empty, stand
/// against what the file says. Throws Error if the model is not known, FileError if names or shapes differ, or if its
/// batch norm is folded away.
std::unique_ptr<Module> build_from(const WeightsFile& file, std::string_view model, const ModelArguments& given,
                                   DType dtype);

/// The same for inference on images [C, H, W], its batch norm folded where fold_batch_norm() can, or as the file has
/// it. dtype: f32; f64, where nothing is folded; bf16, where what cannot be folded is f32 and wants an Autocast scope.
std::unique_ptr<Module> build_for_inference(const WeightsFile& file, std::string_view model,
                                            const ModelArguments& given, DType dtype, const Shape& image);

}  // namespace fanin
