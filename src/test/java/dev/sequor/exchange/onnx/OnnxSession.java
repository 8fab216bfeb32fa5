package dev.sequor.exchange.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import dev.sequor.io.Tensor;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A file in ONNX Runtime. */
final class OnnxSession implements AutoCloseable {
  /** What ONNX Runtime 1.29 needs to start, which is more than a thread usually has. */
  private static final long STACK = 64L << 20;

  private static final OrtEnvironment ENVIRONMENT = environment();

  private final OrtSession session;

  private static OrtEnvironment environment() {
    Thread thread = new Thread(null, OrtEnvironment::getEnvironment, "onnxruntime", STACK);
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return OrtEnvironment.getEnvironment();
  }

  OnnxSession(Path file) {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      // What goes wrong is thrown.
      options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
      session = ENVIRONMENT.createSession(file.toString(), options);
    } catch (OrtException e) {
      throw new AssertionError("ONNX Runtime refuses " + file.getFileName(), e);
    }
  }

  /** The inputs that the file has, of those given. */
  List<Tensor> run(List<Tensor> given) {
    Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
    try {
      for (Tensor tensor : given) {
        if (session.getInputNames().contains(tensor.name())) {
          inputs.put(tensor.name(), tensor(tensor));
        }
      }
      try (OrtSession.Result result = session.run(inputs)) {
        List<Tensor> outputs = new ArrayList<>();
        for (Map.Entry<String, OnnxValue> output : result) {
          outputs.add(tensor(output.getKey(), (OnnxTensor) output.getValue()));
        }
        return outputs;
      }
    } catch (OrtException e) {
      throw new AssertionError("ONNX Runtime does not run it", e);
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private OnnxTensor tensor(Tensor tensor) throws OrtException {
    long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
    var data = tensor.data().slice().order(ByteOrder.LITTLE_ENDIAN);
    return switch (tensor.type()) {
      case F32 ->
          OnnxTensor.createTensor(ENVIRONMENT, FloatBuffer.wrap(tensor.type().floats(data)), shape);
      case I64 ->
          OnnxTensor.createTensor(
              ENVIRONMENT, LongBuffer.wrap(tensor.type().integers(data)), shape);
      case I32 ->
          OnnxTensor.createTensor(
              ENVIRONMENT,
              java.nio.IntBuffer.wrap(
                  Arrays.stream(tensor.type().integers(data)).mapToInt(i -> (int) i).toArray()),
              shape);
      default -> throw new AssertionError(tensor.type());
    };
  }

  private static Tensor tensor(String name, OnnxTensor tensor) {
    long[] shape = tensor.getInfo().getShape();
    return switch (tensor.getInfo().type) {
      case FLOAT -> {
        FloatBuffer buffer = tensor.getFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        yield Tensor.ofFloats(name, values, shape);
      }
      case INT64 -> {
        LongBuffer buffer = tensor.getLongBuffer();
        long[] values = new long[buffer.remaining()];
        buffer.get(values);
        yield Tensor.ofIntegers(name, values, Arrays.stream(shape).boxed().toList());
      }
      default -> throw new AssertionError(tensor.getInfo().type);
    };
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw new AssertionError(e);
    }
  }
}
