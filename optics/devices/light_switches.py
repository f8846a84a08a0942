"""What blocks the light where no device does: a person who is asked."""

from collections.abc import Callable

from optics.devices.errors import DeviceError


class ManualLightSwitch:
    """Asks at the terminal to block the light or to let it through, and waits for the answer.

    Parameters
    ----------
    ask : callable, optional
        Shows a question and returns once it is answered; the default asks at the terminal.

    Notes
    -----
    Satisfies `optics.devices.protocols.LightSwitch`. A bench asks only where the light has to change.
    """

    def __init__(self, ask: Callable[[str], object] = input) -> None:
        self._ask = ask

    def set_light(self, on: bool) -> None:
        """Ask for the light to be let through or blocked; return once it is answered.

        Parameters
        ----------
        on : bool
            Whether light goes through.

        Raises
        ------
        DeviceError
            If there is no terminal to ask at.
        """
        wish = "Let the laser's light through" if on else "Block the laser's light"
        try:
            self._ask(f"{wish}, then press Enter: ")
        except EOFError as error:
            raise DeviceError(
                f"nobody answers at the terminal ({wish.lower()}): run the bench where a person can answer, or give it "
                "a shutter as its light switch"
            ) from error

    def close(self) -> None:
        """Release nothing: nothing is held."""
