"""Where the files are that ship with the project: benches, presets."""

from pathlib import Path


def data_folder() -> Path:
    """Return the folder ``data`` of the project.

    Returns
    -------
    Path
        In an installed wheel the copy inside the package, in a checkout the folder at the top.

    Raises
    ------
    FileNotFoundError
        If the installation carries no data.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "data", package.parent / "data"):
        if (folder / "benches").is_dir():
            return folder
    raise FileNotFoundError(
        f"no data folder beside {package}: this installation is incomplete, install opubench again with pip"
    )
