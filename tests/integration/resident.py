"""How large the gateway's process becomes while something is done."""

import pathlib
import threading


class Watch:
    """The highest resident size while it looks; the kernel's own high-water mark where it can be reset."""

    def __init__(self, gateway):
        self.gateway = gateway

    def __enter__(self):
        self.exact = True
        try:
            pathlib.Path(f"/proc/{self.gateway.process.pid}/clear_refs").write_text("5")
        except OSError:
            self.exact = False
        self.before = self.highest = self.gateway.resident_kib()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.ended.wait(0.02):
            self.highest = max(self.highest, self.gateway.resident_kib())

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        if self.exact:
            self.highest = max(self.highest, self.gateway.resident_kib("VmHWM"))

    def growth(self, base):
        return self.highest - base
