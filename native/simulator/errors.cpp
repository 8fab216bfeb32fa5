#include "errors.h"

namespace simulator {

const ErrorName* error_name(int code) {
  static const ErrorName names[] = {
      {kSuccess, "CUDA_SUCCESS", "no error"},
      {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
      {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
      {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
      {kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
      {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
      {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
      {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
      {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
      {kPeerAccessUnsupported, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED",
       "peer access is not supported between these two devices"},
      {kInvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
      {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
      {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
      {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
      {kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
      {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
      {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
      {kLaunchTimeout, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
      {kPeerAccessAlreadyEnabled, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
      {kPeerAccessNotEnabled, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"},
      {kContextIsDestroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
      {kMisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
      {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
      {kCooperativeLaunchTooLarge, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", "too many blocks in cooperative launch"},
      {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
      {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
      {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
       "operation failed due to a previous error during capture"},
      {kCaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences"},
      {kCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the same stream as it began"},
      {kCaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
      {kCaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream"},
      {kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
       "operation would make the legacy stream depend on a capturing blocking stream"},
      {kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT",
       "operation not permitted on an event last recorded in a capturing stream"},
      {kCaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
       "attempt to terminate a thread-local capture sequence from another thread"},
      {kUnknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
  };
  for (const ErrorName& each : names) {
    if (each.code == code) return &each;
  }
  return nullptr;
}

}  // namespace simulator
