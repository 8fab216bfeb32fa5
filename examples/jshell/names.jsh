// jshell --class-path "programs/target/classes:$(cat programs/target/classpath)" jshell/names.jsh
// Nothing but an expression at a time: a device, a model, and what it says.
import dev.sequor.backend.*;
import dev.sequor.model.*;

var backend = Devices.open("cpu")
var model = new SequenceModel(backend, SequenceModelSpec.builder(InputSpec.dense(3), 2).hiddenSize(8).build(), 1)
var outputs = model.forward(4, 1, new float[12], null, null).readFloats()
System.out.println(outputs.length + " outputs of " + model.layout().totalElements() + " weights on " + backend.name())
model.close()
backend.close()
/exit
