"""The same work as that of the files beside this folder, as torch operators on planes that a device holds."""
