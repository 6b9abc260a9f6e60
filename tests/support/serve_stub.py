"""The other end of a local worker, with a network that needs no torch."""

from stubs import open_stub

from birefnet_video.workers import segment_worker, serving

if __name__ == "__main__":
    # The default of a parameter is bound already.
    segment_worker.SegmentWorker.__init__.__defaults__ = (open_stub(delay_s=0.004),)
    serving.main()
