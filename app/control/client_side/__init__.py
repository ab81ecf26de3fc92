"""The end of the control socket that `attach` and `ctl` hold."""
