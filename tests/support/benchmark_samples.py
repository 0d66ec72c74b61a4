# ruff: noqa: E101, E501
"""Outputs of `benchmark_model` in the formats of several TensorFlow versions.

Written by hand from what its sources print (benchmark_model.cc, benchmark_tflite_model.cc,
stats_calculator.cc of those versions); none was captured, and the figures are made up.
"""

TF_1_13 = """\
STARTING!
Num runs: [50]
Graph: [/data/local/tmp/m.tflite]
Loaded model /data/local/tmp/m.tflite
resolved reporter
Initialized session in 4.108ms
Running benchmark for at least 1 iterations and at least 0.5 seconds
count=6 first=91000 curr=80500 min=80400 max=91000 avg=82500 std=3800

Running benchmark for at least 50 iterations and at least 1 seconds
count=50 first=81000 curr=80600 min=80000 max=84000 avg=80660.1 std=700

Average inference timings in us: Warmup: 82500, Init: 4108, no stats: 80660.1
"""

TF_1_15_PROFILE = """\
Initialized session in 2.5ms
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=5000

Running benchmark for at least 4 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=4 first=4400 curr=4000 min=3900 max=4400 avg=4100 std=190

============================== Run Order ==============================
	             [node type]	  [start]	  [first]	 [avg ms]	     [%]	  [cdf%]	  [mem KB]	[times called]	[Name]
	                 CONV_2D	    0.000	    3.000	    2.800	 70.000%	 70.000%	     0.000	        1	[stem/conv]
	       DEPTHWISE_CONV_2D	    2.800	    1.200	    1.200	 30.000%	100.000%	     0.000	        1	[dw]

============================== Top by Computation Time ==============================
	             [node type]	  [start]	  [first]	 [avg ms]	     [%]	  [cdf%]	  [mem KB]	[times called]	[Name]
	                 CONV_2D	    0.000	    3.000	    2.800	 70.000%	 70.000%	     0.000	        1	[stem/conv]

Number of nodes executed: 2
============================== Summary by node type ==============================
	             [Node type]	  [count]	  [avg ms]	    [avg %]	    [cdf %]	  [mem KB]	[times called]
	                 CONV_2D	        1	     2.800	    70.000%	    70.000%	     0.000	        1
	       DEPTHWISE_CONV_2D	        1	     1.200	    30.000%	   100.000%	     0.000	        1

Timings (microseconds): count=4 first=4200 curr=4000 min=3900 max=4200 avg=4000 std=100
Memory (bytes): count=0
2 nodes observed

Average inference timings in us: Warmup: 5000, Init: 2500, Inference: 4100
"""

TF_2_4 = """\
STARTING!
Log parameter values verbosely: [0]
Min num runs: [3]
Loaded model m.tflite
The input model file size (MB): 0.5
Initialized session in 1.25ms.
Running benchmark for at least 1 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
count=1 curr=900

Running benchmark for at least 3 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
count=3 first=900 curr=600 min=600 max=900 avg=700 std=141

Inference timings in us: Init: 1250, First inference: 900, Warmup (avg): 900, Inference (avg): 700
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the model at runtime. Take the information at your discretion.
Peak memory footprint (MB): init=2.5 overall=3.25
"""

LITERT_GPU = """\
INFO: STARTING!
INFO: Use gpu: [1]
INFO: GPU delegate created.
INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.
INFO: Initialized session in 512.5ms.
INFO: Running benchmark for at least 1 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=1 curr=3100 p5=3100 median=3100 p95=3100

INFO: Running benchmark for at least 5 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=5 first=3000 curr=2000 min=1900 max=3000 avg=2200 std=403 p5=1900 median=2000 p95=3000

INFO: Inference timings in us: Init: 512500, First inference: 3100, Warmup (avg): 3100, Inference (avg): 2200
INFO: Memory footprint delta from the start of the tool (MB): init=40.5 overall=41
"""

SAMPLES = {
    "1.13": TF_1_13,
    "1.15": TF_1_15_PROFILE,
    "2.4": TF_2_4,
    "LiteRT": LITERT_GPU,
}
