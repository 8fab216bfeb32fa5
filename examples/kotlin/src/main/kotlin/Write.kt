import dev.sequor.backend.Devices
import dev.sequor.data.CharacterVocabulary
import dev.sequor.io.TrainedModel
import dev.sequor.model.Sampler
import dev.sequor.model.Sampling
import java.nio.file.Path

/** Writes three texts with a model out of a file. */
fun main(args: Array<String>) {
    val trained = TrainedModel.load(Path.of(args[0]))
    val characters = trained.data() as CharacterVocabulary
    Devices.auto().use { backend ->
        trained.open(backend).use { model ->
            Sampler(model).use { sampler ->
                for (seed in 1L..3L) {
                    val text = sampler.sample(characters.encode("prime", "\n"), 60, Sampling.ofTemperature(0.7f, seed))
                    println(characters.decode(*text).lines().first { it.isNotEmpty() })
                }
            }
        }
    }
}
