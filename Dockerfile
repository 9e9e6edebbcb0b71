# The shop with everything it needs; each service of compose.yaml runs one of its roles.
FROM python:3.11-slim-bookworm

WORKDIR /shop
COPY requirements.txt requirements-pip.txt requirements-assets.txt package.json package-lock.json ./
COPY scripts/setup.py scripts/setup.py
COPY app/translations app/translations
RUN python scripts/setup.py

COPY . .
RUN useradd --system --home-dir /shop shop && mkdir -p /data && chown shop /data
USER shop
ENV PATH=/shop/.venv/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 DATA_DIR=/data
VOLUME /data
EXPOSE 8000 8001
CMD ["gunicorn", "wsgi:app", "--config", "gunicorn.conf.py"]
