"""Every number that a user or a machine might want otherwise, in one place."""

#: Pixels of one picture beyond which an input is refused (8192 x 8192).
MAX_PIXELS = 2**26
#: Bytes of main memory that a picture beyond that may take, where users allow one.
MAX_MEMORY = 4 * 10**9
#: Seconds beyond which an input is refused (two days).
MAX_SECONDS = 48 * 3600
#: Pictures a second of an image sequence, unless told.
SEQUENCE_RATE = 25
#: Most frames that go through the network at once, by kind of device; where it can, an engine measures what is fastest.
BATCH_SIZE = {"cpu": 1, "cuda": 8, "mps": 4}
#: The same of plain PyTorch on the CPU for inputs of few pixels: two small pictures are up to 13 % faster together, and
#: larger ones only take twice the memory.
SMALL_BATCH_SIZE, SMALL_PIXELS = 2, 2**18
#: Frames of a clip from which an engine that takes seconds to build is taken without being asked for.
CONVERT_AFTER_FRAMES = 50
#: The same of trials that show how many frames at once are fastest on a GPU: each size costs a recording of its own.
MEASURE_AFTER_FRAMES = 300
#: Seconds of a render that must be left for an engine whose building takes minutes to be built beside it.
BUILD_AFTER_S = 900.0
#: Bytes of built engines that are kept for the next start.
CACHE_BYTES = 20 * 2**30
#: Batches that may wait between two stages: bounds memory whatever the length of the clip.
QUEUE_BATCHES = 2
#: Threads of the stages that prepare and compose frames: one for so many cores, and at most so many.
CORES_A_WORKER = 4
MOST_WORKERS = 6
#: Part of a GPU's free memory that is left to composing; the network's batches are bounded by the rest.
COMPOSING_SHARE = 1 / 3
#: After a device's memory has run out: frames that must be good there in a row before more are composed there at once,
#: and most frames that are made on the CPU before one tries again.
DEVICE_BACK_AFTER = 32
DEVICE_LONGEST_REST = 64
#: After a batch was halved for want of memory: batches that must be good in a row before twice as many frames are tried
#: at once again, and batches between two tries at most: each that fails takes twice as long to come again.
BATCH_BACK_AFTER = 32
BATCH_LONGEST_REST = 1024
#: Milliseconds after which what has been encoded can be read on the disk, should the process be killed.
KEPT_EVERY_MS = 400
#: Seconds of video that a render keeps at a time for a run that goes on from there.
SEGMENT_S = 30.0
#: Milliseconds between two keyframes of codecs that predict frames from others.
KEYFRAME_EVERY_MS = 500
#: Quantiser of ProRes by quality: 4 gives 54 dB against the source at four times the encoder's default speed, 8 gives
#: 50 dB at eight times.
PRORES_QSCALE = {"fast": 8, "standard": 4, "best": 1}
#: Constant rate factor and speed preset by quality.
H264 = {"fast": (20, "ultrafast"), "standard": (16, "veryfast"), "best": (10, "medium")}
HEVC = {"fast": (22, "ultrafast"), "standard": (18, "veryfast"), "best": (12, "medium")}
AV1 = {"fast": (35, 12), "standard": (26, 9), "best": (16, 6)}
#: Constant quality of NVIDIA's encoders.
NVENC_CQ = {"fast": 26, "standard": 20, "best": 14}
#: Bit rate of sound that a container forces us to encode, per channel.
AUDIO_BIT_RATE_PER_CHANNEL = 96_000
#: Seconds by which the sound is written ahead of the picture.
SOUND_LEAD_S = 0.5
#: Seconds for which a subtitle may be shown: reading of a part begins that much earlier.
LONGEST_TEXT_S = 30.0
#: Seconds that sound may be missing or doubled before silence is put in or the repetition left out.
SOUND_GAP_S = 0.02
#: Seconds by which a clock must jump back to count as another recording rather than as jitter.
TIME_JUMP_S = 0.5
#: Seconds within which every sound track must begin for a muxer to wait for it.
LATE_SOUND_S = 3.0
#: Largest minus smallest alpha, in any frame, below which nothing counts as found.
NO_SUBJECT_SPREAD = 0.3
#: Radius of a blurred background, in pixels of a picture of 1080 lines.
BLUR_RADIUS = 40
#: Constant rate factor, deadline and speed of VP9 by quality; the alpha has the same as the colour. Against ``good``
#: at the same speed setting, ``realtime`` takes a quarter of the time for the same error and files 15 % larger.
VP9 = {"fast": (24, "realtime", 8), "standard": (16, "realtime", 5), "best": (8, "good", 2)}
#: Constant rate factor of a mask in H.264 or HEVC.
H264_MASK_CRF = 4
#: The background of ``--green``, sRGB.
GREEN_RGB = (0, 177, 64)
#: Packets in a row that may fail to decode before the rest is given up.
MAX_BAD_PACKETS = 250
#: Seconds by which a clip may end before the duration that its header states.
END_TOLERANCE_S = 0.25
