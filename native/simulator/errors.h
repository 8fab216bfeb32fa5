// CUresult codes as cuda.h numbers them, and how errors travel inside the simulator.
#pragma once

#include <stdexcept>
#include <string>

#define SIMULATOR_API __attribute__((visibility("default")))

namespace simulator {

enum Result : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kPeerAccessUnsupported = 217,
  kInvalidPtx = 218,
  kInvalidHandle = 400,
  kIllegalState = 401,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchTimeout = 702,
  kPeerAccessAlreadyEnabled = 704,
  kPeerAccessNotEnabled = 705,
  kContextIsDestroyed = 709,
  kMisalignedAddress = 716,
  kLaunchFailed = 719,
  kCooperativeLaunchTooLarge = 720,
  kNotSupported = 801,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureMerge = 902,
  kCaptureUnmatched = 903,
  kCaptureUnjoined = 904,
  kCaptureIsolation = 905,
  kCaptureImplicit = 906,
  kCapturedEvent = 907,
  kCaptureWrongThread = 908,
  kUnknown = 999,
};

struct ErrorName {
  Result code;
  const char *name, *text;
};
const ErrorName* error_name(int code);  // null for a code that does not exist

// What a driver call returns, with the details that the code cannot carry.
class SIMULATOR_API Fault : public std::runtime_error {
 public:
  Fault(Result code, const std::string& what) : std::runtime_error(what), code(code) {}
  Result code;
};

}  // namespace simulator
