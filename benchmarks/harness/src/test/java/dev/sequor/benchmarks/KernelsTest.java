package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class KernelsTest {
  private static final String ONEDNN =
      """
      onednn_verbose,v1,info,oneDNN v3.7.1 (commit 8d26)
      onednn_verbose,v1,primitive,info,template:operation,engine,primitive,implementation,prop_kind
      onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:f32::blocked:abdec::f0,,,1x1,18.8
      onednn_verbose,v1,primitive,exec,cpu,rnn,ref,forward_training,src_layer:f32,,,1x1,0.5
      onednn_verbose,v1,primitive,exec,cpu,rnn,ref,backward,src_layer:f32,,,1x1,0.5
      onednn_verbose,v1,primitive,exec,cpu,rnn,ref,backward,src_layer:f32,,,1x1,0.7
      """;

  @Test
  void oneDnnNamesTheKernelOfEachPass() {
    assertEquals("oneDNN rnn ref, oneDNN rnn backward ref", Kernels.parse(ONEDNN, ""));
    assertEquals(
        "oneDNN rnn brgemm:avx512_core",
        Kernels.parse(
            "onednn_verbose,primitive,exec,cpu,rnn,brgemm:avx512_core,forward_inference,a,b", ""));
  }

  @Test
  void mklNamesTheProductsThatItWasAskedFor() {
    assertEquals(
        "MKL sgemm",
        Kernels.parse(
            "MKL_VERBOSE oneMKL 2024.0 Update 2 Product build 20240605 for Intel(R) 64 (x)\n"
                + "MKL_VERBOSE SGEMM(T,N,768,512,256) 1.2ms CNR:OFF\n"
                + "MKL_VERBOSE SGEMM(T,N,768,32,256) 0.2ms CNR:OFF\n",
            ""));
  }

  @Test
  void elseOpenBlasIsNamedIfItIsThereAndNothingIsGuessed() {
    String described = "LibTorch (a build with OpenBLAS), OpenBLAS kernels for SkylakeX";
    assertEquals("OpenBLAS SkylakeX", Kernels.parse("", described));
    assertEquals("unknown", Kernels.parse("", "ONNX Runtime"));
  }
}
