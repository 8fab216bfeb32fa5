package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is not understood is refused when the module is loaded, with its line; nothing is skipped.
 */
class PtxRefusalsTest extends SimulatorTest {
  private static final String DECLARED =
      ".reg .b32 %r<4>; .reg .f32 %f<4>; .reg .f64 %g<4>; .reg .b64 %q<4>; .reg .pred %p<4>;"
          + " .reg .b16 %h<4>;\n";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          tex.2d.v4.f32.f32 %f0, %f1              | instruction tex.2d.v4.f32.f32 is not implemented
          add.sat.s32 %r0, %r1, %r2               | .ftz and .sat are not implemented here
          add.sat.f64 %g0, %g1, %g2               | .ftz and .sat are of .f32
          add.rnd.f32 %f0, %f1, %f2               | .rnd is not implemented
          add.f32 %f0, %f1                        | 2 operands, 3 are needed
          add.f32 %f0, %f1, %f2, %f3              | 4 operands, 3 are needed
          add.f32.foo %f0, %f1, %f2               | .foo is not implemented here
          add.s32 %r0, %r1, %f2                   | register %f2 is .f32 where .s32 is needed
          add.s32 %r0, %r1, %q2                   | register %q2 is .b64 where .s32 is needed
          add.f32 %f0, %f1, 1                     | an integer where .f32 is needed
          add.f32 %f0, %f1, 0d3FF0000000000000    | a floating point number where .f32 is needed
          add.s32 %r0, %r1, %r9                   | '%r9' is not declared
          add.s32 %r0, %r1, !%r2                  | '!' and '
          fma.f32 %f0, %f1, %f2, %f3              | a rounding is missing
          div.rz.f32 %f0, %f1, %f2                | only .rn is implemented
          cvt.f32.s32 %f0, %r1                    | its rounding is missing
          cvt.rni.f32.s32 %f0, %r1                | its rounding is missing, or not one for these types
          cvt.rz.f16.f32 %h0, %f1                 | only .rn is implemented
          cvt.rn.bf16.f32 %h0, %f1                | .bf16 is not implemented
          cvt.sat.u8.s32 %r0, %r1                 | .ftz or .sat is not implemented here
          mul.s32 %r0, %r1, %r2                   | an integer product needs .lo, .hi or .wide
          setp.lo.s32 %p0, %r1, %r2               | type .s32 is not implemented
          setp.num.s32 %p0, %r1, %r2              | type .s32 is not implemented
          ld.global.v8.f32 %f0, [%q1]             | .v8 is not implemented
          ld.global.f32 %f0, [%r1]                | register %r1 is .b32, an address has 64 bits
          ld.global.f32 %q0, [%q1]                | register %q0 is .b64 where .f32 is needed
          ld.global.v4.f64 {%g0,%g1,%g2,%g3}, [%q1] | a vector has at most 16 bytes
          ld.global.v2.u32 {%r0, %q0}, [%q1]      | registers of one width are needed
          st.const.u32 [%q1], %r0                 | .const is not implemented
          ld.param.u64 %q0, [none]                | 'none' is not declared
          ld.param.u64 %q0, [test_a]              | parameter test_a has 4 bytes
          ld.param.u32 %r0, [test_a+4]            | parameter test_a has 4 bytes
          st.param.u32 [test_a], %r0              | a kernel's parameters are not written
          shfl.up.b32 %r0, %r1, 1, 0              | only shfl.sync is implemented
          bar.sync 1                              | only barrier 0 of all threads is implemented
          bar.sync 0, 64                          | 2 operands, 1 are needed
          bra NOWHERE                             | there is no label NOWHERE
          call (%r0), none, (%r1)                 | there is no function none
          mov.b64 {%r0,%r1,%r2,%r3}, %q0          | register %r0 is .b32 where .b16 is needed
          mov.b64 {%r0,%r1,%r2}, %q0              | no vector of this size is moved
          @%r0 bra NOWHERE                        | guard '%r0' is not a predicate
          add.s32 %r0, %r1, 12x                   | '12x' is not an integer
          add.s32 %r0, %r1 %r2                    | '%r2' where ',' was expected
          add.f32 %f0, %f1, 0f3F80                | '0f3F80' is not a number
          """)
  void ofAnInstruction(String instruction, String expected) {
    String kernel =
        ".visible .entry test(.param .u32 test_a)\n{\n"
            + DECLARED
            + "\n"
            + instruction
            + ";\nret;\n}\n";
    String message = refusal(kernel);
    assertTrue(message.contains(expected), message);
    assertTrue(message.startsWith("line 8: "), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          .entry test() { .reg .f16x2 %x; }                     | type .f16x2 is not implemented
          .entry test() { .reg .b32 %x, %x; }                   | '%x' is declared twice
          .entry test() { A: ret; A: ret; }                     | label A stands twice
          .entry test() { ret; } .entry test() { ret; }         | 'test' is declared twice
          .entry test() { ret;                                  | '' where an instruction was expected
          .entry test() .maxnctapersm 4 { ret; }                | '.maxnctapersm' where '{' was expected
          .func f() ;                                           | function f is declared and not defined
          .extern .global .b32 other;                           | lies in another module
          .tex .u64 image;                                      | directive .tex is not implemented
          /* without an end                                     | a comment does not end
          """)
  void ofAModule(String text, String expected) {
    assertTrue(refusal(text).contains(expected), control.lastError());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      nullValues = "-",
      textBlock =
          """
          .version 99.0 .target sm_80 .address_size 64            | 218 | 9.0 is the latest
          .version 8.0 .target sm_80, debug .address_size 64      | 218 | target .debug is not implemented
          .version 8.0 .target compute_80 .address_size 64        | 218 | target compute_80 is not implemented
          .version 8.0 .target sm_80 .address_size 32             | 218 | addresses of 32 bits
          .version 8.0 .address_size 64                           | 218 | '.target' was expected
          .version 8.0 .target sm_120 .address_size 64            | 209 | PTX for sm_120 on a device
          .version 8.0 .target sm_100a .address_size 64           | 209 | PTX for sm_100a on a device
          """)
  void ofAHeader(String header, int code, String expected) {
    control.set(SimulatorControl.Field.INTERPRET, 1);
    try {
      byte[] image = (header + "\n\0").getBytes(StandardCharsets.US_ASCII);
      assertEquals(code, JCudaDriver.cuModuleLoadData(new CUmodule(), image));
      assertTrue(control.lastError().contains(expected), control.lastError());
      byte[] machineCode = {0x7f, 'E', 'L', 'F', 0};
      assertEquals(
          CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
          JCudaDriver.cuModuleLoadData(new CUmodule(), machineCode));
    } finally {
      control.set(SimulatorControl.Field.INTERPRET, 0);
    }
  }

  private String refusal(String text) {
    assertEquals(218, PtxSnippet.load(control, text, new CUmodule())); // CUDA_ERROR_INVALID_PTX
    return control.lastError();
  }
}
