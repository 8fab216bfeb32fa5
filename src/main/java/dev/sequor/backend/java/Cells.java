package dev.sequor.backend.java;

import dev.sequor.backend.CellType;
import dev.sequor.backend.host.LayerShape;
import java.util.EnumMap;
import java.util.Map;

/** The one list of what runs each {@link CellType}. */
final class Cells {
  /** Makes the plan of one layer. */
  private interface PlanFactory {
    JavaLayerPlan plan(ThreadTeam team, Product[] products, LayerShape shape);
  }

  private static final Map<CellType, PlanFactory> PLANS = new EnumMap<>(CellType.class);

  static {
    add(CellType.RNN_LINEAR, new RnnLinear());
    add(CellType.RNN_TANH, new RnnTanh());
    add(CellType.RNN_RELU, new RnnRelu());
    add(CellType.GRU_RESET_AFTER, new GruResetAfter());
    add(CellType.LSTM, new Lstm());
    add(CellType.LSTM_CELL_RECURRENT, new LstmCellRecurrent());
    add(CellType.LSTM_PEEPHOLE, new LstmPeephole());
    PLANS.put(CellType.GRU_RESET_BEFORE, ResetBeforeGruPlan::new);
  }

  private Cells() {}

  private static void add(CellType type, LayerCell cell) {
    PLANS.put(type, (team, products, shape) -> new SingleProductPlan(team, products, shape, cell));
  }

  static JavaLayerPlan plan(ThreadTeam team, Product[] products, LayerShape shape) {
    PlanFactory factory = PLANS.get(shape.cell());
    if (factory == null) {
      throw new IllegalArgumentException("the java backend has no cell " + shape.cell());
    }
    return factory.plan(team, products, shape);
  }
}
