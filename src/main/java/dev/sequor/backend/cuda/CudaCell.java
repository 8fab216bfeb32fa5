package dev.sequor.backend.cuda;

import dev.sequor.backend.CellType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the time loop has to know of a cell. The numbers come from the compiled kernels, where the
 * cell's header is the only place that has them.
 *
 * @param type the cell
 * @param struct its name in {@code native/include/sequor/cells.h}, which its kernels end in
 * @param saved {@code K}, values a unit and step that backward needs
 * @param recurrentState the state vector that {@code R} multiplies
 * @param twoProducts whether a step is two dependent products
 * @param sharedGateGradients whether the gradients by {@code W x} and by {@code R h} are the same;
 *     then the sum of the two products is all that forward needs
 */
record CudaCell(
    CellType type,
    String struct,
    int saved,
    int recurrentState,
    boolean twoProducts,
    boolean sharedGateGradients) {

  /** Asks the kernels; waits for the answer. */
  static CudaCell of(CellType type, CudaDevice device, WorkQueue queue) {
    String struct = struct(type);
    try (DeviceMemory.Block traits =
        device.memory().allocate(4 * Integer.BYTES, "traits of " + type.id())) {
      queue.arguments().pointer(traits.address());
      queue.launch(queue.kernel("cell_traits_" + struct), 1, 1, 1);
      ByteBuffer host = ByteBuffer.allocateDirect(4 * Integer.BYTES).order(ByteOrder.nativeOrder());
      device.staging().download(traits.address(), host, queue.stream());
      return new CudaCell(
          type, struct, host.getInt(0), host.getInt(4), host.getInt(8) != 0, host.getInt(12) != 0);
    }
  }

  /** {@code gru-reset-after} is {@code GruResetAfter}. */
  private static String struct(CellType type) {
    StringBuilder name = new StringBuilder();
    for (String word : type.nativeName().split("-", -1)) {
      name.append(Character.toUpperCase(word.charAt(0))).append(word.substring(1));
    }
    return name.toString();
  }

  int gates() {
    return type.gates();
  }

  int states() {
    return type.states();
  }

  int peepholes() {
    return type.peepholes();
  }
}
