import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.cuda.CudaBackendProvider;

/** The device {@code cuda}. It exports nothing: {@link dev.sequor.backend.Devices} finds it. */
module dev.sequor.cuda {
  requires dev.sequor;
  requires jcublas;
  requires jcuda;
  requires org.bytedeco.javacpp;
  requires org.slf4j;
  requires static org.jspecify;

  provides BackendProvider with
      CudaBackendProvider;
}
