package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.List;

/**
 * A module for each part of a value's width: a value of width {@code parts·K} is seen as {@code
 * parts} rows of {@code K}, each of which goes through the module by itself.
 *
 * @param parts how many there are
 * @param module one that treats rows alike: a dense layer, a norm, a softmax or sum of columns, a
 *     function of each element
 */
public record Each(int parts, Module module) implements Module {
  /**
   * Checks both.
   *
   * @throws IllegalArgumentException if {@code parts} is less than 1, or the module is of another
   *     kind
   */
  public Each {
    Sizes.atLeastOne("parts", parts);
    Required.present("module", module);
    boolean byRows =
        module instanceof Linear
            || module instanceof LayerNorm
            || module instanceof Softmax
            || module instanceof LogSoftmax
            || module instanceof ColumnSum
            || module instanceof Activate
            || module instanceof Affine;
    if (!byRows) {
      throw new IllegalArgumentException(
          module + " is to work on parts; needed a module that treats rows alike");
    }
  }

  @Override
  public List<Block> parameters() {
    return module.parameters();
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    Shapes.requireMultiple(this, x, parts);
    Output one = module.outputs(List.of(Shapes.withWidth(x, x.width() / parts))).get(0);
    int width = (int) Sizes.product("parts · width", Integer.MAX_VALUE, parts, one.shape().width());
    return List.of(new Output("y", Shapes.withWidth(x, width)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return module.backwardReadsOutputs();
  }

  @Override
  public Pass bind(Binding binding) {
    return module.bind(Required.present("binding", binding).inParts(parts));
  }
}
