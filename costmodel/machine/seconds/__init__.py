"""An estimate of the seconds of a step: what each operator call has to do, at the measured rates of a host."""
