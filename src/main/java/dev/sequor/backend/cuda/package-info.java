/**
 * The CUDA engine ({@code kernels/}), driven through JCuda's driver API.
 *
 * <p>{@code CudaDevice} owns what a device needs: context, streams, memory, kernels. It knows
 * nothing of recurrent networks; the backend and its plans are written against it.
 */
@NullMarked
package dev.sequor.backend.cuda;

import org.jspecify.annotations.NullMarked;
