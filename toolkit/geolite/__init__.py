"""GeoLite2: fetched once, checked before it is accepted, cached, and handed to builds.

Source: MaxMind's "Download and Update Databases" and the GeoLite End User License Agreement.
"""
