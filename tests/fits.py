FITS = {}
