"""What goes wrong with devices, so that a caller can tell a frame that may be taken again from a bench that is gone."""


class DeviceError(OSError):
    """A device did not do what it was told."""


class DriverMissingError(DeviceError):
    """The library that drives a device is not installed, or not found."""


class DeviceAbsentError(DeviceError):
    """The library is there and no such device answers."""


class FrameLostError(DeviceError):
    """A frame did not arrive, arrived damaged, or did not arrive in time; taking it again may help.

    Parameters
    ----------
    message : str
        What happened, and how to mend it.
    frame : int or None, optional
        Number of the frame in its series, from zero, where it is known.
    """

    def __init__(self, message: str, *, frame: int | None = None) -> None:
        super().__init__(message)
        self.frame = frame
