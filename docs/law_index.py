"""The index of laws."""
def write_law_index(path):
    path.write_text("# Laws\n")
